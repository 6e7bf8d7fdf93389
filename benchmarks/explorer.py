"""`python -m benchmarks.explorer [--alleles N]`: how fast the table of a large result answers.

A made result of 5,000,000 alleles with three transcripts each, in the annotator's own schema. Each
question is asked as the page asks it; warm: it was asked before with another value. Genotypes are
those of a made trio, read from a made VCF. At the end 20 users ask at once.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from annotations.genomics.consequence.terms import IMPACTS, TERMS, impact_name
from annotations.genomics.output.parquet import ParquetSink
from annotations.genomics.output.tables import SCHEMA
from annotations.genomics.output.vcf import PackedStream

WORK = Path(__file__).resolve().parent / "work" / "explorer"
IN_GROUP = 40_000
TRANSCRIPTS = 3
SAMPLES = ("child", "mother", "father")
TRIO = "&".join(f"{name}={name}" for name in SAMPLES)
CONTIGS = [f"chr{number}" for number in range(1, 23)]
GENES = [f"GENE{number}" for number in range(20_000)]
_TEXT = pa.dictionary(pa.int32(), pa.string())
SOURCES = [
    pa.field("kgp_af", pa.float64()),
    pa.field("gnomad_e_af", pa.float64()),
    pa.field("clinvar_clnsig", _TEXT),
]
_SHARES = {
    "intron_variant": 0.55,
    "intergenic_variant": 0.2,
    "upstream_gene_variant": 0.1,
    "missense_variant": 0.06,
    "synonymous_variant": 0.06,
    "3_prime_UTR_variant": 0.02,
    "stop_gained": 0.004,
    "frameshift_variant": 0.003,
    "splice_region_variant": 0.003,
}


def make_table(path: Path, alleles: int) -> None:
    """Write a table of so many alleles."""
    schema = pa.schema([*SCHEMA, *SOURCES])
    chance = np.random.default_rng(1)
    with path.open("wb") as stream:
        sink = ParquetSink(stream, schema, {})
        for first in range(0, alleles, IN_GROUP):
            sink.write(_group(schema, chance, first, min(IN_GROUP, alleles - first), alleles))
        sink.finish()


def _group(schema: pa.Schema, chance: np.random.Generator, first: int, size: int, total: int) -> pa.RecordBatch:
    number = np.arange(first, first + size)
    contig, pos = _places(number, total)
    gene = number * len(GENES) // total
    terms = chance.choice([TERMS.index(name) for name in _SHARES], (TRANSCRIPTS, size), p=list(_SHARES.values()))
    impacts = np.array([IMPACTS.index(impact_name(1 << bit)) for bit in range(len(TERMS))])
    worst = terms.min(axis=0)
    frequency = chance.beta(0.1, 2.0, size)
    seen = chance.random(size) < 0.6
    allele = np.repeat(np.arange(size), TRANSCRIPTS)
    mine = terms.T.ravel()
    picked = np.tile([True, False, False], size)
    text = pc.cast(pa.array(pos[allele]), pa.string())
    columns: dict[str, Any] = {
        "row": pa.array(np.arange(first * TRANSCRIPTS, (first + size) * TRANSCRIPTS)),
        "allele_row": pa.array(number[allele]),
        "line": pa.array(number[allele] + 100),
        "contig_index": pa.array(contig[allele].astype(np.int32)),
        "contig": _words(contig[allele], CONTIGS),
        "pos": pa.array(pos[allele].astype(np.int32)),
        "id": pc.binary_join_element_wise("rs", pc.cast(pa.array(number[allele]), pa.string()), "").dictionary_encode(),
        "ref": _words(number[allele] % 4, list("ACGT")),
        "alt": _words((number[allele] + 1) % 4, list("ACGT")),
        "alt_index": pa.array(np.ones(allele.size, np.int16)),
        "qual": pa.array(chance.normal(60, 20, size)[allele]),
        "filter": _words((chance.random(size) < 0.1).astype(int)[allele], ["PASS", "q10"]),
        "variant_class": _words((chance.random(size) < 0.1).astype(int)[allele], ["SNV", "deletion"]),
        "picked": pa.array(picked),
        "consequence": _words(mine, list(TERMS)),
        "impact": _words(impacts[mine], list(IMPACTS)),
        "is_worst": pa.array(mine == worst[allele]),
        "worst_consequence": _words(worst[allele], list(TERMS)),
        "worst_impact": _words(impacts[worst][allele], list(IMPACTS)),
        "hides_more_severe": pa.array(picked & (impacts[worst][allele] < impacts[mine])),
        "gene_symbol": _words((gene[allele] + (np.arange(allele.size) % 29 == 2)) % len(GENES), GENES),
        "transcript_id": _words(gene[allele] * 3 + np.arange(allele.size) % 3, _transcripts()),
        "hgvsc": pc.binary_join_element_wise("ENST00000000001.1:c.", text, "A>G", ""),
        "hgvsp": pc.binary_join_element_wise("ENSP00000000001.1:p.Arg", text, "Gly", ""),
        "kgp_af": pa.array(frequency[allele], mask=~seen[allele]),
        "gnomad_e_af": pa.array(frequency[allele] * 0.9, mask=~seen[allele]),
        "clinvar_clnsig": _words(
            np.where(chance.random(size) < 0.01, chance.integers(0, 3, size), 3)[allele],
            ["Pathogenic", "Benign", "Uncertain_significance"],
        ),
    }
    length = allele.size
    arrays = [columns[field.name] if field.name in columns else pa.nulls(length, field.type) for field in schema]
    return pa.record_batch([array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema)


def make_vcf(path: Path, alleles: int) -> None:
    """Write the annotated VCF of that table, with a trio whose child has what its parents hand on."""
    chance = np.random.default_rng(2)
    head = "\t".join(("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *SAMPLES))
    with ThreadPoolExecutor(1) as executor, path.open("wb") as stream:
        packed = PackedStream(stream, executor)
        packed.write(np.frombuffer(f"##fileformat=VCFv4.2\n{head}\n".encode(), np.uint8))
        for first in range(0, alleles, IN_GROUP):
            number = np.arange(first, min(first + IN_GROUP, alleles))
            contig, pos = _places(number, alleles)
            common = chance.beta(0.3, 1.0, number.size)[:, None]
            parents = (chance.random((number.size, 4)) < common).astype(int)
            child = parents[:, [0, 2]] | (chance.random((number.size, 2)) < 1e-5)
            lines = (
                f"{CONTIGS[c]}\t{p}\trs{n}\t{'ACGT'[n % 4]}\t{'ACGT'[(n + 1) % 4]}\t60\tPASS\tCSQ=x\tGT:DP"
                f"\t{g[0]}|{g[1]}:30\t{g[2]}|{g[3]}:30\t{g[4]}|{g[5]}:30\n"
                for n, c, p, g in zip(
                    number.tolist(), contig.tolist(), pos.tolist(), np.hstack([child, parents]).tolist(), strict=True
                )
            )
            packed.write(np.frombuffer("".join(lines).encode(), np.uint8))
            packed.flush(is_patient=False)
        packed.finish()


def _places(number: Any, total: int) -> tuple[Any, Any]:
    """(contig, pos) of alleles."""
    pos = 10_000 + (number * len(CONTIGS) % total) * 40 // len(CONTIGS) * len(CONTIGS) // 10
    return number * len(CONTIGS) // total, pos


def _words(codes: Any, words: list[str]) -> pa.DictionaryArray:
    """Words by their place; null where it is beyond them."""
    indices = pa.array(codes.astype(np.int32), mask=codes >= len(words))
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))


def _transcripts() -> list[str]:
    return [f"ENST{number:011d}.1" for number in range(3 * len(GENES))]


def main() -> None:
    """Make what is missing, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alleles", type=int, default=5_000_000)
    given = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    # Django's settings keep their state where nothing else is; the files lie where the settings allow.
    os.environ["GAS_VAR_DIR"] = tempfile.mkdtemp(prefix="gas-bench-")
    os.environ["GAS_EXPLORER_DIR"] = str(WORK)
    os.environ["DJANGO_SETTINGS_MODULE"] = "gas.settings"
    import django

    django.setup()
    from annotations.explorer.files import Tables
    from annotations.explorer.genotypes import write_genotypes
    from annotations.explorer.index import write_alleles

    tables = Tables(WORK / f"{given.alleles}.rows.parquet", WORK / f"{given.alleles}.alleles.duckdb")
    vcf = WORK / f"{given.alleles}.vcf.gz"

    def read_genotypes(beside: Path) -> None:
        with vcf.open("rb") as stream:
            write_genotypes(stream, tables.alleles, beside, lambda read: None)

    makers: dict[Path, Callable[[Path], None]] = {
        tables.rows: lambda beside: make_table(beside, given.alleles),
        tables.alleles: lambda beside: write_alleles(tables.rows, beside, lambda share: None),
        vcf: lambda beside: make_vcf(beside, given.alleles),
        tables.genotypes: read_genotypes,
    }
    for path, make in makers.items():
        if not path.exists():
            began = time.perf_counter()
            beside = path.with_suffix(".part")
            make(beside)
            beside.rename(path)
            print(f"{path.name}: {path.stat().st_size / 1e6:,.0f} MB in {time.perf_counter() - began:.1f} s")
    measure(tables)


class Asker:
    """Asks one result's files what the pages ask. Imports wait for Django's settings."""

    def __init__(self, tables: Any) -> None:
        self._tables = tables

    def page(self, query: str, sort: str = "", after: str = "") -> Any:
        """A page of the table, and how many alleles there are in all."""
        from django.http import QueryDict

        from annotations.explorer import database, queries
        from annotations.explorer.conditions import both, conditions_of
        from annotations.explorer.filters import Filters

        filters = Filters(QueryDict(query))
        with database.opened_files(self._tables, genotypes=filters.asks_genotypes) as cursor:
            known = cursor.columns()
            where = queries.kept(cursor, both(conditions_of(filters.values, cursor, known).values()))
            queries.count(cursor, where)
            return queries.page(cursor, known, where, queries.read_order(sort, known), after)

    def counts(self, query: str) -> None:
        """The numbers beside the filters."""
        from django.http import QueryDict

        from annotations.explorer import database, queries
        from annotations.explorer.conditions import conditions_of
        from annotations.explorer.filters import Filters

        with database.opened_files(self._tables) as cursor:
            known = cursor.columns()
            queries.facets(cursor, known, conditions_of(Filters(QueryDict(query)).values, cursor, known))

    def patterns(self, query: str) -> None:
        """The numbers beside the genotypes and a trio's patterns."""
        from django.http import QueryDict

        from annotations.explorer import database, queries
        from annotations.explorer.conditions import conditions_of, trio_of
        from annotations.explorer.filters import Filters

        with database.opened_files(self._tables, genotypes=True) as cursor:
            filters = Filters(QueryDict(f"{TRIO}&{query}"))
            conditions = conditions_of(filters.values, cursor, cursor.columns())
            trio = trio_of(filters.values, cursor.samples())
            assert trio is not None
            queries.pattern_counts(cursor, trio, conditions)
            queries.genotype_counts(cursor, trio.child, conditions)


def questions_of(asker: Asker) -> dict[str, Callable[[], object]]:
    """What is measured, by name; each asks with another value every time, so that no answer is remembered."""
    value = count(1)

    def numbers(pattern: str) -> Iterator[str]:
        while True:
            yield pattern.format(n=next(value), f=0.001 + next(value) / 1e6)

    compound = TRIO + "&pattern=compound"
    return {
        "first page": lambda: asker.page(""),
        "impact and frequency": _asked(asker.page, numbers("impact=HIGH&impact=MODERATE&af_below={f}")),
        "preset rare and damaging": _asked(asker.page, numbers("preset=rare_damaging&qual_min={f}")),
        "gene": _asked(asker.page, numbers("gene=GENE{n}")),
        "region": _asked(asker.page, numbers("region=chr7:1-{n}00000")),
        "HGVS name": _asked(asker.page, numbers("q=c.{n}A>G")),
        "sorted by frequency": lambda: asker.page("", "-frequency"),
        "genotype of a sample": _asked(asker.page, numbers("sample=child&genotype=het&qual_min={f}")),
        "de novo": _asked(asker.page, numbers(TRIO + "&pattern=de_novo&qual_min={f}")),
        "compound heterozygous": _asked(asker.page, numbers(compound + "&qual_min={f}")),
        "the same, rare and damaging": _asked(asker.page, numbers(compound + "&preset=rare_damaging&qual_min={f}")),
        "counts of genotypes": _asked(asker.patterns, numbers("impact=HIGH&qual_min={f}")),
        "counts beside the filters": _asked(asker.counts, numbers("qual_min={f}")),
    }


def measure(tables: Any) -> None:
    """Print the time of each question, and of 20 at once."""
    asker = Asker(tables)
    questions = questions_of(asker)
    print(f"{'question':<28}{'first':>9}{'warm':>9}{'slowest':>9}{'CPU':>9}   ms")
    for name, question in questions.items():
        times = [_milliseconds(question)]
        began = time.process_time()
        times += [_milliseconds(question) for _ in range(7)]
        cpu = 1000 * (time.process_time() - began) / 7
        print(f"{name:<28}{times[0]:>9.0f}{statistics.median(times[1:]):>9.0f}{max(times[1:]):>9.0f}{cpu:>9.0f}")
    page = asker.page("", "-frequency")
    print(f"{'second page of that':<28}{_milliseconds(lambda: asker.page('', '-frequency', page.next_key)):>9.0f}")
    mixed = [list(questions.values())[number % 6] for number in range(20)]
    with ThreadPoolExecutor(20) as users:
        times = sorted(users.map(_milliseconds, mixed))
    print(f"20 users at once: median {statistics.median(times):.0f} ms, slowest {times[-1]:.0f} ms")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:,.0f} MB")


def _asked(ask: Callable[[str], object], values: Iterator[str]) -> Callable[[], object]:
    return lambda: ask(next(values))


def _milliseconds(question: Callable[[], object]) -> float:
    began = time.perf_counter()
    question()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
