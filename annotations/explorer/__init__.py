"""The table of a result: filters, pages, counts, downloads of what a filter leaves.

Files on this machine answer every question (see `files`):

- `rows`: the result's own table, one row for each allele and transcript, as
  annotations.genomics.output.tables writes it.
- `alleles`: a database made of it at the first look (see `index`), one row for each allele, in genome order:
  `allele`, the allele's key, 0, 1, 2 … in genome order; all columns of the row of its picked
  transcript, the sources' included; `other_genes` (symbols of its other transcripts' genes, joined
  with commas, null where there are none); `transcripts` (how many rows it has in `rows`).

- `genotypes`: what each sample has of each allele, made when a filter first asks (see `genotypes`).

`allele` is what the table pages by and what the address of a variant's page holds. `allele_row`
leads from there to `rows`; it equals `allele` where the input was in genome order.

    with database.opened(result) as tables:      # raises files.NotAtHandError, files.PreparingError
        tables.execute("SELECT * FROM alleles WHERE allele = ?", [allele])
        tables.execute("SELECT * FROM rows WHERE allele_row = ? ORDER BY row", [allele_row])

The address of the table is `/jobs/<uuid>/explore/`; its keys are those of `filters.Filters`.
"""
