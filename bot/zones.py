"""Time zones by what people call them: a place, a name, an offset. Pure.

The cities of the zone database name most of the world; the table here has what it
leaves out: countries with one time, large cities that are no zone of their own, and
the abbreviations that mean one place to nearly everybody.
"""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

_OFFSET = re.compile(r"(?:utc|gmt|z)?\s*([+-])\s*(\d{1,2})(?:[:.]?(\d{2}))?")
_UTC = frozenset({"utc", "gmt", "z", "zulu", "universal"})
#: areas whose second part is a place; the others are old or technical names
_AREAS = frozenset(
    {
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    }
)
#: whole hours that the zone database has fixed zones for
_EAST_MAX, _WEST_MAX = 14, 12
#: offsets between the hours that some place keeps all year
_BETWEEN: Mapping[str, str] = {
    "+3:30": "Asia/Tehran",
    "+4:30": "Asia/Kabul",
    "+5:30": "Asia/Kolkata",
    "+5:45": "Asia/Kathmandu",
    "+6:30": "Asia/Yangon",
    "+8:45": "Australia/Eucla",
    "+9:30": "Australia/Darwin",
    "-9:30": "Pacific/Marquesas",
}
#: zone -> what else it is called, without accents and in small letters
_ALSO: Mapping[str, str] = {
    "Africa/Algiers": "algeria",
    "Africa/Cairo": "egypt, alexandria, giza",
    "Africa/Casablanca": "morocco, rabat, marrakesh",
    "Africa/Harare": "zimbabwe",
    "Africa/Johannesburg": "south africa, cape town, durban, pretoria, sast",
    "Africa/Lagos": "nigeria, abuja, wat",
    "Africa/Nairobi": "kenya, mombasa, eat",
    "America/Argentina/Buenos_Aires": "argentina, buenos aires, cordoba argentina",
    "America/Bogota": "colombia, medellin, cali",
    "America/Chicago": "dallas, houston, austin, san antonio, minneapolis, new orleans,"
    " nashville, kansas city, texas, central time, cst, cdt, illinois, st louis",
    "America/Denver": "salt lake city, colorado, mountain time, mst, mdt, utah,"
    " albuquerque",
    "America/Edmonton": "calgary, alberta",
    "America/Lima": "peru",
    "America/Los_Angeles": "san francisco, seattle, las vegas, portland, san diego,"
    " california, silicon valley, san jose, sacramento, pacific time, pst, pdt, la",
    "America/Mexico_City": "mexico, cdmx, guadalajara",
    "America/New_York": "new york city, nyc, washington, washington dc, boston, miami,"
    " atlanta, philadelphia, orlando, charlotte, florida, eastern time, est, edt,"
    " tampa, baltimore, ohio, cleveland, pittsburgh",
    "America/Phoenix": "arizona, tucson",
    "America/Santiago": "chile",
    "America/Sao_Paulo": "brazil, brasilia, rio, rio de janeiro, belo horizonte, brt",
    "America/Toronto": "ottawa, montreal, ontario, quebec",
    "America/Vancouver": "british columbia, victoria",
    "Asia/Bangkok": "thailand, phuket, chiang mai, ict",
    "Asia/Dubai": "uae, united arab emirates, abu dhabi",
    "Asia/Ho_Chi_Minh": "vietnam, hanoi, saigon, ho chi minh city, da nang",
    "Asia/Hong_Kong": "hkt",
    "Asia/Jakarta": "indonesia, bandung, wib",
    "Asia/Jerusalem": "israel, tel aviv, haifa",
    "Asia/Karachi": "pakistan, lahore, islamabad, pkt",
    "Asia/Kolkata": "india, mumbai, delhi, new delhi, bangalore, bengaluru, chennai,"
    " hyderabad, pune, calcutta, ahmedabad, ist, bombay",
    "Asia/Kuala_Lumpur": "malaysia, kl, penang",
    "Asia/Makassar": "bali, denpasar, wita",
    "Asia/Manila": "philippines, cebu, quezon city, davao, pht",
    "Asia/Riyadh": "saudi arabia, jeddah, mecca, kuwait city",
    "Asia/Seoul": "south korea, korea, busan, incheon, kst",
    "Asia/Shanghai": "china, beijing, peking, shenzhen, guangzhou, hangzhou, chengdu,"
    " wuhan",
    "Asia/Singapore": "sgt",
    "Asia/Taipei": "taiwan, kaohsiung",
    "Asia/Tehran": "iran",
    "Asia/Tokyo": "japan, osaka, kyoto, yokohama, nagoya, sapporo, fukuoka, jst",
    "Asia/Dhaka": "bangladesh, chittagong",
    "Asia/Colombo": "sri lanka",
    "Asia/Kathmandu": "nepal",
    "Asia/Tashkent": "uzbekistan",
    "Asia/Tbilisi": "georgia",
    "Asia/Yerevan": "armenia",
    "Asia/Baku": "azerbaijan",
    "Atlantic/Canary": "canary islands, tenerife, gran canaria",
    "Atlantic/Reykjavik": "iceland",
    "Australia/Brisbane": "gold coast, queensland",
    "Australia/Sydney": "canberra, new south wales, aest, aedt",
    "Europe/Amsterdam": "netherlands, holland, rotterdam, the hague, eindhoven",
    "Europe/Athens": "greece, thessaloniki",
    "Europe/Belgrade": "serbia",
    "Europe/Berlin": "germany, munich, munchen, hamburg, frankfurt, cologne, koln,"
    " stuttgart, dusseldorf, leipzig, dresden, deutschland, bremen, hannover,"
    " nuremberg, nurnberg, mez, mesz",
    "Europe/Bratislava": "slovakia",
    "Europe/Brussels": "belgium, antwerp, ghent, cet, cest",
    "Europe/Bucharest": "romania, cluj, eet, eest",
    "Europe/Budapest": "hungary",
    "Europe/Copenhagen": "denmark, aarhus",
    "Europe/Dublin": "ireland, cork, galway",
    "Europe/Helsinki": "finland, tampere, espoo",
    "Europe/Istanbul": "turkey, turkiye, ankara, izmir, antalya, trt",
    "Europe/Kyiv": "ukraine, kiev, lviv, odessa, odesa, kharkiv, dnipro",
    "Europe/Lisbon": "portugal, porto, wet",
    "Europe/Ljubljana": "slovenia",
    "Europe/London": "uk, united kingdom, england, scotland, wales, manchester,"
    " edinburgh, birmingham, glasgow, liverpool, bristol, leeds, belfast, cardiff, bst,"
    " great britain",
    "Europe/Luxembourg": "luxemburg",
    "Europe/Madrid": "spain, barcelona, valencia, seville, malaga, bilbao",
    "Europe/Minsk": "belarus",
    "Europe/Moscow": "russia, saint petersburg, st petersburg, msk, sochi",
    "Europe/Oslo": "norway, bergen",
    "Europe/Paris": "france, lyon, marseille, nice, toulouse, bordeaux, lille",
    "Europe/Prague": "czechia, czech republic, brno",
    "Europe/Riga": "latvia",
    "Europe/Rome": "italy, milan, milano, naples, turin, florence, venice, bologna",
    "Europe/Sofia": "bulgaria",
    "Europe/Stockholm": "sweden, gothenburg, malmo",
    "Europe/Tallinn": "estonia",
    "Europe/Vienna": "austria, graz, salzburg, innsbruck, linz, wien",
    "Europe/Vilnius": "lithuania",
    "Europe/Warsaw": "poland, krakow, cracow, gdansk, wroclaw, poznan, lodz",
    "Europe/Zagreb": "croatia, split",
    "Europe/Zurich": "switzerland, geneva, basel, bern, lausanne, zug, schweiz",
    "Pacific/Auckland": "new zealand, wellington, christchurch, nzst, nzdt",
    "Pacific/Honolulu": "hawaii",
}
#: what a menu offers: together they reach most people by one press
COMMON = (
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "UTC",
)


@dataclass(frozen=True, slots=True)
class Sought:
    """What a place turned out to be: a zone, or else names that were perhaps meant."""

    zone: str = ""
    suggestions: tuple[str, ...] = ()


def seek(text: str) -> Sought:
    """Find the zone that is called so: `Berlin`, `Europe/Berlin`, `UTC+2`, `cet`."""
    wanted = _plain(text)
    if not wanted:
        return Sought()
    if wanted in _UTC:
        return Sought("UTC")
    if match := _OFFSET.fullmatch(wanted):
        return Sought(_fixed(match[1], int(match[2]), int(match[3] or 0)))
    known = _names()
    if wanted in known:
        return Sought(known[wanted])
    near = difflib.get_close_matches(wanted, known, n=8, cutoff=0.72)
    zones = dict.fromkeys(known[name] for name in near)
    return Sought(suggestions=tuple(zones)[:3])


def place_name(zone: str) -> str:
    """Return what a zone is called in a sentence: `Berlin`, `New York`, `UTC+2`."""
    if not zone:
        return "UTC"
    area, _, place = zone.partition("/")
    if area == "Etc" and (match := re.fullmatch(r"GMT([+-])(\d+)", place)):
        # POSIX counts westwards
        return f"UTC{'-' if match[1] == '+' else '+'}{match[2]}"
    return zone.rpartition("/")[2].replace("_", " ")


def is_fixed(zone: str) -> bool:
    """Whether a zone is a bare offset, which knows no summer time."""
    return zone.startswith("Etc/")


def clock_time(at: datetime, zone: str) -> str:
    """Write the time of day that a zone's clock shows: `14:05`."""
    return f"{at.astimezone(ZoneInfo(zone or 'UTC')):%H:%M}"


def _fixed(sign: str, hours: int, minutes: int) -> str:
    """Return the zone of a bare offset, an empty string if there is none."""
    if minutes:
        return _BETWEEN.get(f"{sign}{hours}:{minutes:02}", "")
    if hours == 0:
        return "UTC"
    if hours > (_EAST_MAX if sign == "+" else _WEST_MAX):
        return ""
    return f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"


def _plain(text: str) -> str:
    """Write a name without accents, in small letters, with single spaces."""
    bare = unicodedata.normalize("NFKD", text.replace("\u2212", "-"))
    kept = "".join(c for c in bare if not unicodedata.combining(c)).casefold()
    return " ".join(re.sub(r"[_,.'’]|(?<=[a-z])-(?=[a-z])", " ", kept).split())


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    """Return every name we know, with its zone; our own table comes first."""
    names: dict[str, str] = {}
    zones = sorted(available_timezones())
    places: Sequence[str] = [z for z in zones if z.partition("/")[0] in _AREAS]
    for zone in places:
        names.setdefault(_plain(zone.rpartition("/")[2]), zone)
    for zone in places:
        names[_plain(zone)] = zone
    for zone, also in _ALSO.items():
        names[_plain(zone.rpartition("/")[2])] = zone
        for name in also.split(","):
            names[_plain(name)] = zone
    return names
