"""Genotypes and patterns of inheritance: their words, and what each demands as SQL.

A predicate here is over a row of `alleles` beside its row of `genotypes`; the columns it names are
made of the numbers of samples, never of a request.

Both parents are taken to be without the disorder. What was not called fits no pattern, except where
a parent hands nothing on: the mother on chrY, the father on chrM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from annotations.genomics.reference.aliases import spellings
from annotations.genomics.vcf.genotypes import Genotype

OTHERS: Final = "/* the other filters */"
_ONE: Final = (Genotype.HETEROZYGOUS, Genotype.HALF)
_ALL: Final = (Genotype.HOMOZYGOUS, Genotype.HEMIZYGOUS)
_ANY: Final = (*_ONE, *_ALL)


@dataclass(frozen=True)
class Choice:
    """A value of a filter, in words."""

    title: str
    meaning: str = ""
    codes: tuple[Genotype, ...] = ()


GENOTYPES: Final = {
    "het": Choice("heterozygous", codes=(Genotype.HETEROZYGOUS,)),
    "hom": Choice("homozygous, or on the only copy", codes=_ALL),
    "carrier": Choice("any carrier", codes=_ANY),
    "ref": Choice("called, without it", codes=(Genotype.NONE,)),
    "missing": Choice("not called", codes=(Genotype.MISSING,)),
}
PATTERNS: Final = {
    "de_novo": Choice("De novo", "The child carries it; both parents are called without it."),
    "recessive": Choice("Recessive, homozygous", "On both copies of the child, on one of each parent."),
    "compound": Choice(
        "Recessive, compound heterozygous",
        "Two of what the other filters leave, in one gene: one of the mother, one of the father.",
    ),
    "x_linked": Choice("X-linked", "A son's only copy, of a mother who carries it; a daughter's both copies."),
    "from_mother": Choice("Inherited from the mother", "The child and the mother carry it; the father does not."),
    "from_father": Choice("Inherited from the father", "The child and the father carry it; the mother does not."),
}
SEXES: Final = (("", "Not said"), ("female", "Daughter"), ("male", "Son"))


@dataclass(frozen=True)
class Trio:
    """The columns of a child and its parents."""

    child: str
    mother: str
    father: str
    sex: str = ""


def column(number: int) -> str:
    """The column of a sample."""
    return f"s{number}"


def has_genotype(sample: str, names: tuple[str, ...]) -> str:
    """The sample has one of these genotypes."""
    return _is(sample, tuple(code for name in names for code in GENOTYPES[name].codes))


def fits(pattern: str, trio: Trio) -> str:
    """The trio's genotypes fit the pattern; of a compound, one of its two."""
    child, mother, father = _is(trio.child, _ANY), _is(trio.mother, _ANY), _is(trio.father, _ANY)
    no_mother, no_father = _is(trio.mother, (Genotype.NONE,)), _is(trio.father, (Genotype.NONE,))
    match pattern:
        case "de_novo":
            of_father = f"{_on('Y')} AND NOT {mother} AND {no_father}"
            of_mother = f"{_on('MT')} AND {no_mother}"
            return f"{child} AND (({no_mother} AND {no_father}) OR ({of_father}) OR ({of_mother}))"
        case "recessive":
            both = f"{_is(trio.mother, _ONE[:1])} AND {_is(trio.father, _ONE[:1])}"
            return f"{_is(trio.child, (Genotype.HOMOZYGOUS,))} AND {both}"
        case "compound":
            return f"{_is(trio.child, _ONE[:1])} AND (({mother} AND {no_father}) OR ({father} AND {no_mother}))"
        case "x_linked":
            return f"{_on('X')} AND ({_x_linked(trio)})"
        case "from_mother":
            return f"{child} AND {mother} AND {no_father}"
        case "from_father":
            return f"{child} AND {father} AND {no_mother}"
    raise ValueError(pattern)


def _x_linked(trio: Trio) -> str:
    of_carrier = _is(trio.mother, _ONE)
    son = f"{_is(trio.child, _ALL)} AND {of_carrier} AND {_is(trio.father, (Genotype.NONE,))}"
    daughter = f"{_is(trio.child, (Genotype.HOMOZYGOUS,))} AND {of_carrier} AND {_is(trio.father, _ANY)}"
    return {"male": son, "female": daughter}.get(trio.sex, f"({son}) OR ({daughter})")


def in_pairs(trio: Trio) -> str:
    """Alleles of which another of the same gene comes from the other parent; OTHERS stands for the other filters."""
    # S608: columns are made of numbers; what stands for OTHERS has its values bound.
    # Names of genes are text, and dear: the few alleles with several genes are taken apart by themselves.
    return f"""allele IN (
        WITH few AS MATERIALIZED (
          SELECT allele, {_is(trio.mother, _ANY)} AS of_mother, coalesce(gene_symbol, gene_id) AS gene, other_genes
          FROM alleles POSITIONAL JOIN genotypes WHERE {fits("compound", trio)} AND ({OTHERS})),
        candidates AS (
          SELECT allele, of_mother, gene FROM few WHERE gene IS NOT NULL UNION ALL
          SELECT allele, of_mother, unnest(string_split(other_genes, ',')) FROM few WHERE other_genes IS NOT NULL),
        genes_hit AS (SELECT gene FROM candidates GROUP BY gene HAVING min(of_mother) <> max(of_mother))
        SELECT allele FROM candidates WHERE gene IN (FROM genes_hit))"""  # noqa: S608


def _is(sample: str, codes: tuple[Genotype, ...]) -> str:
    return f"{sample} IN ({', '.join(str(int(code)) for code in codes)})"


def _on(contig: str) -> str:
    return f"contig IN ({', '.join(repr(name) for name in spellings(contig))})"
