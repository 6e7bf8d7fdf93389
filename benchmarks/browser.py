"""Large results as their readers see them: Chromium before a service of its own, as `make run` starts it.

python -m benchmarks.browser FOLDER [--alleles N]

Sends real files through the page: two tumours, 3,202 people, and a made family of 5,000,000 alleles; walks
through each result as a researcher would. Prints for each step when its answer was seen, what of that the
server took, the script and the layout shift of its page; pictures of all pages go to FOLDER. Exit code 1: a
page complained, jumped, scrolled sideways, or asked another machine.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import ConsoleMessage, Download, Page, Request, sync_playwright

from annotations.genomics.reference.load import load_reference
from benchmarks.annotator_inputs import make_family
from benchmarks.sites import RunningSite, machine, running_site
from tests_e2e.browser import chromium
from tests_e2e.browser.look import MAX_SHIFT, SHIFT
from tests_e2e.inputs import BENCH_INPUTS
from tests_e2e.visitor import PASSWORD, SET_PLAN

ROOT = Path(__file__).resolve().parents[1]
WORK = Path(__file__).resolve().parent / "work" / "browser"
WAIT_MS = 1_200_000
WIDTHS = (390, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TALLEST = 6000  # pixels of a picture
GENES = ("RYR1", "LDLR", "APOE", "NOTCH3", "STK11", "MUC16")
SORTS = {
    "severity": "consequence",
    "text": "hgvsc",
    "gene": "gene_symbol",
    "number": "-qual",
    "frequency": "-frequency",
    "few values": "variant_class",
}
ROWS = "table.variants > tbody, .empty:not([hx-get])"
COUNTS = ".facet input"
KINDS = ("VCF", "TSV", "Excel", "Parquet")
SCRIPT_BYTES = """() => performance.getEntriesByType("resource")
  .filter(one => one.initiatorType === "script").reduce((sum, one) => sum + one.decodedBodySize, 0)"""


@dataclass
class Walk:
    """One reader's window: what each step took, and what went wrong on the way."""

    page: Page
    url: str
    folder: Path
    wrong: list[str] = field(default_factory=list)
    _answers: list[Request] = field(default_factory=list)

    def listen(self) -> None:
        """Hear errors, refusals of the content security policy, and requests that leave the machine."""

        def hear(said: ConsoleMessage) -> None:
            if said.type == "error":
                self.wrong.append(f"{self.page.url}: {said.text}")

        def hear_request(asked: Request) -> None:
            if not asked.url.startswith((self.url, "data:", "blob:")):
                self.wrong.append(f"{self.page.url} asked {asked.url}")

        self.page.on("console", hear)
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.page.on("request", hear_request)
        self.page.on("response", lambda response: self._answers.append(response.request))

    def time(self, what: str, steps: Sequence[Callable[[], object]], until: str, *, may_move: bool = False) -> None:
        """Take the steps, one after the other: from before each until this is visible. Print a line.

        may_move: the steps open something on the page, below which all the rest moves down.
        """
        seen, served = [], []
        for step in steps:
            self._answers.clear()
            began = time.perf_counter()
            step()
            self.page.locator(until).first.wait_for(timeout=WAIT_MS)
            seen.append(1000 * (time.perf_counter() - began))
            served.append(self._served())
        self._settle()
        shift, moved = self.page.evaluate(SHIFT)
        if shift > MAX_SHIFT and not may_move:
            self.wrong.append(f"{what}: {self.page.url} jumps: {shift:.2f} ({', '.join(map(str, moved))})")
        script = self.page.evaluate(SCRIPT_BYTES) / 1000
        warm = [f"{statistics.median(times[1:]):,.0f}" if times[1:] else "" for times in (seen, served)]
        print(
            f"  {what:<44}{seen[0]:>9,.0f}{served[0]:>9,.0f}{warm[0]:>9}{warm[1]:>9}{script:>9,.0f}{shift:>8.2f}",
            flush=True,
        )

    def _served(self) -> float:
        """Milliseconds that the server took for the first answer of a step that it was asked for."""
        for request in self._answers:
            if request.resource_type in ("document", "xhr", "fetch"):
                timing = request.timing
                return float(max(timing["responseStart"] - timing["requestStart"], 0))
        return 0.0

    def _settle(self) -> None:
        self.page.wait_for_function("() => !document.querySelector('.htmx-request')", timeout=WAIT_MS)

    def go(self, path: str) -> Callable[[], object]:
        """A step: open an address."""
        return lambda: self.page.goto(self.url + path, wait_until="commit", timeout=WAIT_MS)

    def press(self, selector: str) -> Callable[[], object]:
        """A step: click what leads to another page."""

        def click() -> None:
            with self._leaving():
                self.page.locator(selector).first.click()

        return click

    def _leaving(self) -> AbstractContextManager[Any]:
        return self.page.expect_navigation(wait_until="commit", timeout=WAIT_MS)

    def picture(self, name: str, path: str, until: str, widths: Sequence[int] = WIDTHS) -> None:
        """Pictures of a page, light and dark; one that can be scrolled sideways is wrong."""
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                self.page.goto(self.url + path)
                # Attached, not visible: on a phone the filters are folded.
                self.page.locator(until).first.wait_for(state="attached", timeout=WAIT_MS)
                self._settle()
                tall = self.page.evaluate("() => document.documentElement.scrollHeight")
                self.page.screenshot(
                    path=self.folder / f"{name}-{width}-{scheme}.png",
                    full_page=True,
                    clip={"x": 0, "y": 0, "width": width, "height": min(tall, TALLEST)},
                )
                if self.page.evaluate("() => document.documentElement.scrollWidth") > width:
                    self.wrong.append(f"{path} scrolls sideways at {width} px")
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.emulate_media(color_scheme="light")


# --- Getting there ------------------------------------------------------------------------------
def sign_in(walk: Walk, site: RunningSite) -> None:
    """As a new user who may send large files."""
    site.make_users(1)
    site.run_code(SET_PLAN.format(email="user0@example.org", plan="premium"))
    page = walk.page
    page.goto(f"{walk.url}/accounts/sign-in/")
    page.get_by_label("E-mail").fill("user0@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    with walk._leaving():
        page.locator("form.box button").first.click()


def send(walk: Walk, file: Path) -> str:
    """Send a file through the page and wait until it is annotated; the address of its job's page."""

    def choose() -> None:
        walk.page.goto(f"{walk.url}/jobs/new")
        walk.page.locator("#file").set_input_files(file)
        walk.press("#go")()

    walk.time("sent and looked at", [choose], "#verdict")
    walk.time("queued", [walk.press("#go")], "#status")
    began = time.perf_counter()
    walk.page.locator("#status.completed").wait_for(timeout=WAIT_MS)
    print(f"  annotated {time.perf_counter() - began:.1f} s later", flush=True)
    return walk.page.url.removeprefix(walk.url)


# --- The walk -----------------------------------------------------------------------------------
HEAD = f"  {'':<44}{'seen':>9}{'server':>9}{'again':>9}{'server':>9}{'script':>9}{'shift':>8}"
UNITS = f"  {'':<44}{'ms':>9}{'ms':>9}{'ms':>9}{'ms':>9}{'KB':>9}"


def look(walk: Walk, job: str) -> None:
    """The pages of a result, from the first look on."""
    table = f"{job}explore/"
    walk.time("job's page: words", [walk.go(job)] * 3, "p.receipt")
    walk.time("job's page: the three numbers", [walk.go(job)] * 3, "#headline:not([hx-get])")
    walk.time("job's page: pictures", [walk.go(job)] * 3, "#plot-consequences svg")
    walk.time("table: first page", [walk.go(table)] * 5, ROWS)
    walk.time("the counts beside the filters", [walk.go(table)] * 3, COUNTS)
    walk.go(job)()
    walk.time("a bar of a picture", [walk.press("#plot-consequences a")], ROWS)
    walk.time("a gene", [walk.go(f"{table}?gene={gene}") for gene in GENES], ROWS)
    walk.time("a gene's name typed", [walk.go(f"{table}?q={gene}") for gene in GENES], ROWS)
    walk.time("rare and damaging", [walk.go(f"{table}?preset=rare_damaging&qual_min={n}") for n in range(4)], ROWS)
    walk.time("high impact, frequency", [walk.go(f"{table}?impact=HIGH&af_below=0.0{n}") for n in range(1, 5)], ROWS)
    walk.time("the ACMG's genes", [walk.go(f"{table}?preset=acmg&qual_min={n}") for n in range(3)], ROWS)
    for what, column in SORTS.items():
        walk.time(f"sorted by {what}", [walk.go(f"{table}?sort={column}")] * 3, ROWS)
    if walk.page.goto(walk.url + table) and walk.page.locator("a[rel=next]").count():
        walk.time("the next pages", [walk.press("a[rel=next]")] * 5, ROWS)
        total = int(walk.page.locator(".found b").inner_text().replace(",", ""))
        far = [walk.go(f"{table}?after={key_of(total * part // 10)}") for part in (8, 9, 7)]
        walk.time("pages far on", far, ROWS)
    walk.go(table)()
    walk.time("all transcripts of one", [walk.page.locator("button.expand").first.click], "tr.detail", may_move=True)


def key_of(allele: int) -> str:
    """The page behind an allele, in the file's order."""
    return base64.urlsafe_b64encode(json.dumps([allele, allele]).encode()).decode().rstrip("=")


def look_at_one(walk: Walk, job: str) -> None:
    """A variant's page, the protein, the genome, and the report."""
    coding = f"{job}explore/?consequence=missense_variant"
    variants = []
    walk.page.goto(walk.url + coding)
    for link in walk.page.locator("a.place").all()[:4]:
        variants.append(str(link.get_attribute("href")))
    if variants:
        walk.time("variant's page", [walk.go(path) for path in variants], "#names-title")
        walk.time("the protein with its variants", [walk.go(path) for path in variants], "#protein svg")
        walk.time("the genome at it", [lambda: walk.page.locator("#genome-show").click()], "[data-igv][data-ready]")
    walk.page.goto(walk.url + job)
    save(walk, "report", walk.page.locator("a[href$='/report']").first.click)


def look_at_people(walk: Walk, job: str, people: Sequence[str]) -> None:
    """Genotypes: the samples are named as their reader would, by the page's own fields."""
    page = walk.page

    def choose() -> None:
        page.goto(f"{walk.url}{job}explore/")
        page.locator("details.people > summary").click()
        if page.locator("select#id_sample").count():
            page.locator("#id_sample").select_option(people[0])
        else:
            page.locator("#id_sample").fill(people[0])
        walk.press("details.people ~ .row .button.main")()

    walk.time("a sample named: counts of its genotypes", [choose], "input[name=genotype]")
    kinds = ("het", "hom", "carrier", "ref")
    addresses = [f"{job}explore/?sample={name}&genotype={kind}" for name in people[:2] for kind in kinds[:2]]
    walk.time("a sample's genotype", [walk.go(path) for path in addresses], ROWS)
    if len(people) > 2:
        trio = "&".join(f"{role}={name}" for role, name in zip(("child", "mother", "father"), people, strict=False))
        for pattern in ("de_novo", "recessive", "compound"):
            patterns = [walk.go(f"{job}explore/?{trio}&pattern={pattern}&qual_min={n}") for n in range(3)]
            walk.time(f"a trio: {pattern.replace('_', ' ')}", patterns, ROWS)


def save(walk: Walk, what: str, step: Callable[[], object]) -> None:
    """A file that comes at once."""
    began = time.perf_counter()
    with walk.page.expect_download(timeout=WAIT_MS) as downloading:
        step()
    size = downloading.value.path().stat().st_size
    print(f"  {what:<44}{1000 * (time.perf_counter() - began):>9,.0f} ms {size / 1e6:>12,.2f} MB", flush=True)


def export(walk: Walk, job: str, query: str, kind: str) -> None:
    """A file of what a filter leaves, at once or made by a worker."""
    page, came = walk.page, list[Download]()

    def hear(download: Download) -> None:
        came.append(download)

    page.goto(f"{walk.url}{job}explore/?{query}")
    number = page.locator(".found b").inner_text()
    page.locator("summary", has_text="Download").click()
    began = time.perf_counter()
    page.on("download", hear)
    page.locator(".menu-list button", has_text=kind).click()
    while not came and "/downloads/" not in page.url:
        page.wait_for_timeout(20)
    page.remove_listener("download", hear)
    words = f"{kind} of {number}"
    if came:
        size = came[0].path().stat().st_size
        print(f"  {words:<44}{1000 * (time.perf_counter() - began):>9,.0f} ms {size / 1e6:>12,.2f} MB", flush=True)
        return
    page.locator("#export .mark.completed, #export .mark.failed").wait_for(timeout=WAIT_MS)
    made = f"{words}, by a worker"
    print(f"  {made:<44}{1000 * (time.perf_counter() - began):>9,.0f} ms", flush=True)
    if page.locator("#export .mark.failed").count():
        print(f"    {page.locator('#export').inner_text()}")
        return
    save(walk, "  its download", lambda: page.locator("#export a.button.main").click())


def compare(walk: Walk, job: str, other: str) -> None:
    """Two results side by side."""
    address = f"{job}compare/?with={other.strip('/').rpartition('/')[2]}"
    walk.time("compared with another result", [walk.go(address)] * 3, "p.found")
    walk.time("what only the other has", [walk.go(f"{address}&kind=right")] * 3, ROWS)


def take_pictures(walk: Walk, name: str, job: str, people: Sequence[str]) -> None:
    """Every page of a result."""
    table = f"{job}explore/"
    wide = (*WIDTHS, 2560)
    walk.picture(f"{name}-job", job, "#headline:not([hx-get])", wide)
    walk.picture(f"{name}-table", table, COUNTS, wide)
    walk.picture(f"{name}-rare", f"{table}?preset=rare_damaging", COUNTS, wide)
    walk.picture(f"{name}-people", f"{table}?sample={people[0]}&genotype=het", COUNTS)
    variant = walk.page.goto(f"{walk.url}{table}?consequence=missense_variant") and walk.page.locator("a.place").first
    if variant and variant.count():
        walk.picture(f"{name}-variant", str(variant.get_attribute("href")), "#names-title")
    walk.picture(f"{name}-genome", f"{job}genome/", "[data-igv][data-ready]")


# --- Which results ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Input:
    """A file, who is in it, and which filters its downloads are of."""

    file: Path
    people: tuple[str, ...]
    exports: tuple[tuple[str, str], ...]


def inputs_of(site: RunningSite, alleles: int) -> dict[str, Input]:
    """What is sent, by name, the small ones first."""
    every = tuple(("", kind) for kind in KINDS)
    large = (*(("gene=RYR1", kind) for kind in KINDS), *(("impact=MODERATE", kind) for kind in KINDS), ("", "TSV"))
    samples = ROOT / "reference"
    family = WORK / f"family.{alleles}.vcf.gz"
    make_family(family, load_reference(site.var / "references" / "demo"), alleles)
    return {
        "HCC1395": Input(samples / "sample.HCC1395.chr19.vcf.gz", ("HCC1395_T1",), every),
        "COLO829": Input(samples / "sample.COLO829.chr19.vcf.gz", ("COLO-829-NovaSeq",), every),
        "RYR1": Input(BENCH_INPUTS / "kgp30x_RYR1_chr19_3202_samples.vcf.gz", ("HG00405", "HG00404", "HG00403"), every),
        "family": Input(family, ("sample1", "sample2", "sample3"), large),
    }


def main() -> int:
    """Walk through all results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--alleles", type=int, default=5_000_000, help="of the made family")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    print(machine())
    with (
        tempfile.TemporaryDirectory(prefix="gas-browser-") as folder,
        running_site(Path(folder) / "var", {}) as site,
        sync_playwright() as playwright,
    ):
        browser = chromium.launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        walk = Walk(page, site.url, given.folder)
        walk.listen()
        sign_in(walk, site)
        walk_through(walk, inputs_of(site, given.alleles))
        browser.close()
    for complaint in dict.fromkeys(walk.wrong):
        print(complaint)
    print(f"{len(walk.wrong)} complaints")
    return int(bool(walk.wrong))


def walk_through(walk: Walk, inputs: dict[str, Input]) -> None:
    """Send each and look at it; each but the first is compared with the one before."""
    before = ""
    for name, given in inputs.items():
        if not given.file.exists():
            print(f"{name}: left out, {given.file.name} is not beside the project")
            continue
        print(f"{name}\n{HEAD}\n{UNITS}")
        job = send(walk, given.file)
        look(walk, job)
        look_at_one(walk, job)
        look_at_people(walk, job, given.people)
        if before:
            compare(walk, job, before)
        for query, kind in given.exports:
            export(walk, job, query, kind)
        take_pictures(walk, name, job, given.people)
        before = job


if __name__ == "__main__":
    sys.exit(main())
