"""Destroys the rows, and not the footers, of all files outside a range of days: who reads them after all, fails.

    python hollow.py FOLDER FIRST LAST
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq


def main() -> None:
    folder, first, last = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    for file in folder.glob("year=*/month=*/day=*/*.parquet"):
        day = "-".join(part.split("=")[1] for part in file.relative_to(folder).parts[:3])
        if not first <= day <= last:
            destroy(file)


def destroy(file: Path) -> None:
    content, footer = bytearray(file.read_bytes()), pq.read_metadata(file)
    for group in range(footer.num_row_groups):
        for at in range(footer.num_columns):
            column = footer.row_group(group).column(at)
            start = column.dictionary_page_offset or column.data_page_offset
            content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    file.write_bytes(content)


if __name__ == "__main__":
    main()
