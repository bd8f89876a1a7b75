"""What is answered, a file per subject: pure, English, ready for other languages."""
