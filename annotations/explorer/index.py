"""The file `alleles`: one row for each allele, made of the table with a row for each transcript.

It is a database of DuckDB's own: its pages are found and unpacked several times as fast as those of
a Parquet file, above all the few rows of a page that lie far apart. A row group of the table holds
whole alleles, so one group after another is enough: memory stays small whatever the number of alleles.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from annotations.explorer.whole import database_at

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
_OWN: Final = [
    pa.field("allele", pa.int64()),
    pa.field("transcripts", pa.int32()),
    pa.field("other_genes", _TEXT),
]

Progress = Callable[[float], None]


def write_alleles(rows: Path, target: Path, progress: Progress) -> None:
    """Make `target` from the table `rows`; progress hears the share that is done, 0 to 1.

    progress may raise to stop it; what is written so far is the caller's to delete.
    """
    source = pq.ParquetFile(rows)
    schema = pa.schema([*_OWN, *source.schema_arrow])
    is_ordered = True
    last = (-1, -1)
    first_allele = 0
    with database_at(target) as connection:
        connection.from_arrow(schema.empty_table()).create("alleles")
        connection.begin()
        for number in range(source.num_row_groups):
            part = _alleles_of(source.read_row_group(number), first_allele, schema)
            first_allele += part.num_rows
            in_order, last = _follow(part, last)
            is_ordered = is_ordered and in_order
            connection.from_arrow(part).insert_into("alleles")
            progress((number + 1) / source.num_row_groups)
        connection.commit()
        if not is_ordered:
            connection.execute(_SORT)
        connection.execute(_GENES)


# Into genome order, and numbered anew; sorted once, and numbered as the rows come by.
_SORT: Final = """
CREATE TABLE ordered AS
  SELECT row_number() OVER () - 1 AS allele, * EXCLUDE (allele)
  FROM (FROM alleles ORDER BY contig_index, pos, allele_row);
DROP TABLE alleles;
ALTER TABLE ordered RENAME TO alleles;
"""


# Which values of a column name a gene, by its name in capitals.
_GENES: Final = """
CREATE TABLE genes AS
  SELECT DISTINCT 'gene_symbol' AS kind, upper(gene_symbol) AS name, gene_symbol AS value
  FROM alleles WHERE gene_symbol IS NOT NULL
  UNION ALL
  SELECT DISTINCT 'gene_id', split_part(upper(gene_id), '.', 1), gene_id FROM alleles WHERE gene_id IS NOT NULL
  UNION ALL
  SELECT kind, unnest(string_split(upper(value), ',')), value
  FROM (SELECT DISTINCT 'other_genes' AS kind, other_genes AS value FROM alleles WHERE other_genes IS NOT NULL)
"""


def _alleles_of(rows: Any, first_allele: int, schema: Any) -> Any:
    """The picked rows of a group of whole alleles, with the columns of our own."""
    picked = rows.filter(rows["picked"])
    allele_row = rows["allele_row"].to_numpy()
    _, starts = np.unique(allele_row, return_index=True)
    counts = np.diff(np.append(starts, allele_row.size)).astype(np.int32)
    own = {
        "allele": pa.array(np.arange(first_allele, first_allele + picked.num_rows)),
        "transcripts": pa.array(counts),
        "other_genes": _other_genes(rows["gene_symbol"], rows["gene_id"], rows["picked"].to_numpy(), starts, counts),
    }
    columns = [own[name] if name in own else picked[name] for name in schema.names]
    return pa.table(columns, schema=schema)


def _other_genes(symbols: Any, ids: Any, picked: Any, starts: Any, counts: Any) -> Any:
    """Names of the genes of each allele beside the picked row's, joined with commas; null for none."""
    named = pc.coalesce(symbols.cast(pa.string()), ids.cast(pa.string())).combine_chunks().dictionary_encode()
    codes = named.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    names = named.dictionary.to_pylist()
    allele = np.repeat(np.arange(starts.size), counts)
    other = (codes >= 0) & (codes != codes[picked][allele])
    pairs = np.unique(allele[other] * len(names) + codes[other])
    joined: dict[int, str] = {}
    for place, code in zip((pairs // max(len(names), 1)).tolist(), (pairs % max(len(names), 1)).tolist(), strict=True):
        joined[place] = f"{joined[place]},{names[code]}" if place in joined else names[code]
    return pa.array([joined.get(place) for place in range(starts.size)], pa.string()).dictionary_encode()


def _follow(part: Any, last: tuple[int, int]) -> tuple[bool, tuple[int, int]]:
    """Whether a part is in genome order and behind `last`, and its own last (contig_index, pos)."""
    if not part.num_rows:
        return True, last
    contig = part["contig_index"].to_numpy().astype(np.int64)
    pos = part["pos"].to_numpy().astype(np.int64)
    places = (contig << 32) + pos
    in_order = bool((np.diff(places) >= 0).all()) and (int(contig[0]), int(pos[0])) >= last
    return in_order, (int(contig[-1]), int(pos[-1]))
