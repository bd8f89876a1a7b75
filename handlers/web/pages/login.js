// The entrance: shows the key once, and then the page asked for is loaded anew.

const form = document.getElementById("login");
const key = document.getElementById("key");
const refusal = document.getElementById("refusal");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refusal.textContent = "";
  try {
    const answer = await fetch("/api/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key: key.value }),
    });
    if (answer.ok) {
      location.reload();
      return;
    }
    const content = await answer.json().catch(() => ({}));
    refusal.textContent = content.error ?? `Flipwatch answered ${answer.status}.`;
  } catch {
    refusal.textContent = "No connection to Flipwatch. Is it still running?";
  }
  key.select();
});
