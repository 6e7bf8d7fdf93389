"""Filters as SQL over the view `alleles`: fixed texts, with every value a bound parameter.

Names of columns come from the file's own schema, never from a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from annotations.explorer.database import Cursor
from annotations.explorer.filters import TRIO, Region
from annotations.explorer.inheritance import OTHERS, Trio, column, fits, has_genotype, in_pairs
from annotations.explorer.presets import PRESETS
from annotations.genomics.reference.aliases import spellings

CLINVAR: Final = "clinvar_clnsig"
OWN_FREQUENCY: Final = "allele_frequency"
_FREQUENCY: Final = re.compile(r"[a-z0-9_]+_af")
_STATUS: Final = "_status"
_RSID: Final = re.compile(r"rs\d+", re.IGNORECASE)
# NULL, which passes no comparison, where the alternative is not spelt out.
_GAINED: Final = "CASE WHEN regexp_full_match(alt, '[A-Za-z]+') THEN length(alt) - length(ref) END"
_TRANSITIONS: Final = ("A>G", "G>A", "C>T", "T>C")
_RSID_COLUMN: Final = "dbsnp_id"  # of the source of that name: the file's own ID may not have it
_TRANSCRIPT: Final = re.compile(r"(ENS[A-Z]*[TP]|[NX][MRP]_)\d+(\.\d+)?", re.IGNORECASE)
_NAME_COLUMNS: Final = {"c": "hgvsc", "n": "hgvsc", "p": "hgvsp", "g": "hgvsg", "m": "hgvsg"}


@dataclass(frozen=True)
class Condition:
    """Part of a WHERE: its text and what is bound to it, in order."""

    sql: str
    parameters: tuple[Any, ...] = ()
    is_of_others: bool = False
    """Its text holds OTHERS: what passes depends on what the other filters leave."""
    is_of_genotypes: bool = False
    """Its text names columns of `genotypes`."""
    is_dear: bool = False
    """It looks at all alleles several times: what is asked more than once of it is asked of `queries.kept`."""

    @property
    def source(self) -> str:
        """What to ask FROM. Alleles and genotypes have one order: side by side they cost next to nothing."""
        return "alleles POSITIONAL JOIN genotypes" if self.is_of_genotypes else "alleles"


def both(conditions: Iterable[Condition]) -> Condition:
    """All of them; what is always true where there are none."""
    given = list(conditions)
    parts = [part for part in given if not part.is_of_others]
    # What is of the others leaves only what these leave too: they need not be asked again.
    dear = [_among(part, both(parts)) for part in given if part.is_of_others]
    parts = dear or parts
    return Condition(
        " AND ".join(f"({part.sql})" for part in parts) or "true",
        tuple(value for part in parts for value in part.parameters),
        is_of_genotypes=any(part.is_of_genotypes for part in parts),
        is_dear=bool(dear),
    )


def _among(condition: Condition, others: Condition) -> Condition:
    return Condition(condition.sql.replace(OTHERS, others.sql), (*condition.parameters, *others.parameters))


def either(conditions: Iterable[Condition]) -> Condition:
    """At least one of several."""
    parts = list(conditions)
    return Condition(
        " OR ".join(f"({part.sql})" for part in parts), tuple(value for part in parts for value in part.parameters)
    )


def quoted(column: str) -> str:
    """A column's name in SQL."""
    return '"' + column.replace('"', '""') + '"'


def frequency_columns(columns: Mapping[str, str]) -> list[str]:
    """Columns that hold an allele's frequency in a whole source, not in one of its populations."""
    return [name for name, kind in columns.items() if _FREQUENCY.fullmatch(name) and kind == "DOUBLE"]


def frequency_sql(columns: Mapping[str, str]) -> str:
    """The highest frequency that any source gives, NULL where none knows the allele."""
    names = [quoted(name) for name in frequency_columns(columns)]
    return f"greatest({', '.join(names)})" if names else "CAST(NULL AS DOUBLE)"


def conditions_of(values: Mapping[str, Any], tables: Cursor, columns: Mapping[str, str]) -> dict[str, Condition]:
    """A condition for each filter that is set, by the filter's name; a preset's are named `preset.…`."""
    found = _conditions(values, tables, columns)
    if preset := PRESETS.get(values.get("preset", "")):
        of_preset = _conditions({"by": values.get("by", "")} | preset.values, tables, columns)
        found |= {f"preset.{name}": condition for name, condition in of_preset.items()}
    return found


def _conditions(values: Mapping[str, Any], tables: Cursor, columns: Mapping[str, str]) -> dict[str, Condition]:
    is_picked = values.get("by") == "picked"
    found: dict[str, Condition] = {}
    for name, value in values.items():
        match name:
            case "q":
                found[name] = _search(value.strip(), columns)
            case "gene":
                found[name] = _genes(tables.genes(value))
            case "region":
                found[name] = either(_region(region) for region in value)
            case "impact":
                found[name] = _one_of("impact" if is_picked else "worst_impact", value)
            case "consequence":
                found[name] = _picked_term(value) if is_picked else _one_of("worst_consequence", value)
            case "clinvar":
                found[name] = _one_of(CLINVAR, value) if CLINVAR in columns else Condition("false")
            case "af_below":
                found[name] = Condition(f"coalesce({frequency_sql(columns)}, 0) < ?", (value,))
            case "af_unknown":
                found[name] = _known(value, columns)
            case "class":
                found[name] = _one_of("variant_class", value)
            case "filter":
                found[name] = _one_of("filter", value)
            case "starred":
                found[name] = one_of_alleles(value)
            case "own_above":
                found[name] = _own_frequency(">", value, columns)
            case "own_up_to":
                found[name] = _own_frequency("<=", value, columns)
            case "qual_min":
                found[name] = Condition("qual >= ?", (value,))
            case "qual_below":
                found[name] = Condition("qual < ?", (value,))
            case "gained_min":
                found[name] = Condition(f"{_GAINED} >= ?", (value,))
            case "gained_max":
                found[name] = Condition(f"{_GAINED} <= ?", (value,))
            case "substitution":
                found[name] = _substitution(is_transition=value == "transition")
            case "genotype" if "sample" in values:
                found[name] = _genotype(tables.samples().get(values["sample"]), value)
            case "pattern" if all(role in values for role in TRIO):
                found[name] = _pattern(trio_of(values, tables.samples()), value)
    return found


def trio_of(values: Mapping[str, Any], samples: Mapping[str, int]) -> Trio | None:
    """The columns of the trio that the filters name; None where one of them is no sample."""
    numbers = [samples.get(values.get(role, "")) for role in TRIO]
    found = [column(number) for number in numbers if number is not None]
    if len(found) < len(TRIO):
        return None
    child, mother, father = found
    return Trio(child, mother, father, values.get("sex", ""))


def _own_frequency(sign: str, value: float, columns: Mapping[str, str]) -> Condition:
    """By the frequency that the file itself gives; older tables do not have it."""
    return Condition(f"{OWN_FREQUENCY} {sign} ?", (value,)) if OWN_FREQUENCY in columns else Condition("false")


def _genotype(number: int | None, names: tuple[str, ...]) -> Condition:
    if number is None:
        return Condition("false")
    return Condition(has_genotype(column(number), names), is_of_genotypes=True)


def _pattern(trio: Trio | None, pattern: str) -> Condition:
    if trio is None:
        return Condition("false")
    if pattern == "compound":
        return Condition(in_pairs(trio), is_of_others=True)
    return Condition(fits(pattern, trio), is_of_genotypes=True)


def _one_of(column: str, values: Iterable[str]) -> Condition:
    """The column has one of the values; "." stands for none."""
    words = [value for value in values if value != "."]
    parts = [Condition(f"{quoted(column)} IN ({', '.join('?' * len(words))})", tuple(words))] if words else []
    if "." in values:
        parts.append(Condition(f"{quoted(column)} IS NULL"))
    return either(parts)


def _picked_term(terms: tuple[str, ...]) -> Condition:
    """The picked transcript has one of the terms, be it the most severe or not."""
    return Condition("regexp_matches(consequence, ?)", (f"(^|&)({'|'.join(map(re.escape, terms))})($|&)",))


def _substitution(*, is_transition: bool) -> Condition:
    """An SNV by its name on the genome: REF and ALT may have more letters, of which one differs."""
    marks = ", ".join("?" * len(_TRANSITIONS))
    word = "IN" if is_transition else "NOT IN"
    return Condition(f"variant_class = 'SNV' AND right(hgvsg, 3) {word} ({marks})", _TRANSITIONS)


def _genes(found: Mapping[str, list[str]]) -> Condition:
    """One of an allele's genes, whichever its picked transcript has."""
    return either(_one_of(column, values) for column, values in found.items()) if found else Condition("false")


def one_of_alleles(alleles: tuple[tuple[str, int, str, str], ...]) -> Condition:
    """One of the variants. Found by their places first: to compare every allele in full takes a second of millions."""
    if not alleles:
        return Condition("false")
    places = ", ".join("?" * len(alleles))
    whole = ", ".join(["(?, ?, ?, ?)"] * len(alleles))
    near = f"SELECT allele, contig, pos, ref, alt FROM alleles WHERE pos IN ({places})"  # noqa: S608 - marks alone
    same = f"(contig, pos, coalesce(ref, ''), coalesce(alt, '')) IN (VALUES {whole})"
    sql = f"allele IN (SELECT allele FROM ({near}) WHERE {same})"  # noqa: S608 - the two above
    return Condition(sql, (*(pos for _, pos, _, _ in alleles), *(value for allele in alleles for value in allele)))


def _region(region: Region) -> Condition:
    """REF touches the region; the contig goes by any of its spellings."""
    names = spellings(region.contig)
    marks = ", ".join("?" * len(names))
    return Condition(
        f"contig IN ({marks}) AND pos <= ? AND pos + greatest(length(ref), 1) > ?", (*names, region.last, region.first)
    )


def _known(choice: str, columns: Mapping[str, str]) -> Condition:
    """Not only rare, but known to be: a frequency was found, or a source that covers the place saw none."""
    is_found = Condition(f"{frequency_sql(columns)} IS NOT NULL")
    states = [name for name in columns if name.endswith(_STATUS) and f"{name.removesuffix(_STATUS)}_af" in columns]
    if choice == "found" or not states:
        return is_found
    return either([is_found, *(Condition(f"{quoted(name)} = 'not_seen'") for name in states)])


def _search(text: str, columns: Mapping[str, str]) -> Condition:
    """By what the text looks like: an rsID, an HGVS name, or the name of a gene or transcript."""
    if _RSID.fullmatch(text):
        pattern = f"(?i)(^|[;,&]){text}($|[;,&])"
        names = ["id", *(name for name in (_RSID_COLUMN,) if columns.get(name) == "VARCHAR")]
        return either(Condition(f"regexp_matches({quoted(name)}, ?)", (pattern,)) for name in names)
    accession, _, name = text.rpartition(":")
    kind = name[:1].lower() if name[1:2] == "." else ""
    if kind in _NAME_COLUMNS:
        column = _NAME_COLUMNS[kind]
        parts = [Condition(f"contains({column}, ?)", (text if accession else f":{name}",))]
        if accession and kind in "cnp":  # the name may be on a transcript that was not picked
            of_version = Condition(f"{column} = ?", (text,))
            of_any = Condition(f"starts_with({column}, ?) AND ends_with({column}, ?)", (f"{accession}.", f":{name}"))
            same = of_version if "." in accession else of_any
            of_rows = f"SELECT allele_row FROM rows WHERE {same.sql}"  # noqa: S608 - column is one of ours
            parts.append(Condition(f"allele_row IN ({of_rows})", same.parameters))
        return either(parts)
    upper = text.upper()
    if _TRANSCRIPT.fullmatch(upper):  # picked or not
        of_rows = "SELECT allele_row FROM rows WHERE starts_with(transcript_id, ?) OR starts_with(protein_id, ?)"
        return Condition(f"allele_row IN ({of_rows})", (upper, upper))
    return Condition(
        "starts_with(upper(gene_symbol), ?) OR starts_with(upper(gene_id), ?) OR starts_with(upper(transcript_id), ?) "
        "OR starts_with(upper(protein_id), ?) OR upper(id) = ?",
        (upper,) * 5,
    )
