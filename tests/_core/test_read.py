import gzip
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml._core._tables.read_file import read_file
from healthml.exceptions import ReadError


@pytest.fixture
def write(tmp_path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_mixed_columns_stay_as_written(write):
    table = read_file(write("lab,note\n1.50,None\n<5,NA\n 7 ,nan\n,null\n"))
    assert table["lab"].tolist()[:3] == ["1.50", "<5", " 7 "]
    assert table["note"].tolist() == ["None", "NA", "nan", "null"]
    assert table["lab"].isna().tolist() == [False, False, False, True]


def test_missing_names_the_codes_of_missing(write):
    table = read_file(write("a,b,c\nNA,?,-1\n3,x,4\n,,5\n"), missing=["NA", "?", "-1"])
    assert table["a"].dtype == float
    assert table["a"].isna().tolist() == [True, False, True]
    assert table["b"].isna().tolist() == [True, False, True]
    assert table["c"].isna().tolist() == [True, False, False]


def test_numbers_are_numbers_and_exact(write):
    table = read_file(write("a,b,c\n1,0.1,3\n-2,1e-3,\n"))
    assert table["a"].tolist() == [1, -2]
    assert table["a"].dtype == np.int64
    assert table["b"].tolist() == [0.1, 0.001]
    assert table["c"].dtype == float


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["9007199254740993", "", "1"], "Int64"),
        (["9007199254740993", "2", "1"], "int64"),
        (["18446744073709551615", "", "1"], "UInt64"),
        (["18446744073709551615", "3", "1"], "uint64"),
    ],
)
def test_large_identifiers_are_exact(write, cells, dtype):
    column = read_file(write("id,x\n" + "".join(f"{cell},1\n" for cell in cells)))["id"]
    assert str(column.dtype) == dtype
    assert [str(cell) for cell in column.dropna()] == [cell for cell in cells if cell]


def test_integers_beyond_64_bits_and_leading_zeros_stay_text(write):
    text = "huge,zip,code,time\n123456789012345678901234567890,00123,1,08:00\n5,4,10,09:30\n"
    table = read_file(write(text))
    assert table["huge"].tolist() == ["123456789012345678901234567890", "5"]
    assert table["zip"].tolist() == ["00123", "4"]
    assert table["code"].tolist() == [1, 10]


@given(st.lists(st.integers(1 - 2**63, 2**63 - 1) | st.none(), min_size=1, max_size=8))
def test_every_64_bit_integer_survives(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("read") / "ids.csv"
    path.write_text("id,x\n" + "".join(f"{'' if c is None else c},1\n" for c in cells))
    read = read_file(path)["id"]
    assert [None if pd.isna(c) else int(c) for c in read] == cells


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1),
        min_size=1,
        max_size=5,
    )
)
def test_text_survives(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("read") / "notes.csv"
    cells = [*cells, "not a number"]
    quoted = "".join('"{}",1\n'.format(cell.replace('"', '""')) for cell in cells)
    path.write_bytes(("note,x\n" + quoted).encode())
    assert read_file(path)["note"].tolist() == cells


def test_true_and_false_are_boolean(write):
    table = read_file(write("a,b,c\nTrue,TRUE,true\nFalse,,maybe\n"))
    assert table["a"].dtype == bool
    assert str(table["b"].dtype) == "boolean"
    assert table["c"].tolist() == ["true", "maybe"]


def test_tabs_gzip_byte_order_mark_and_blank_lines(write):
    assert read_file(write("a\tb\n1\t2\n", "t.tsv")).shape == (1, 2)
    assert read_file(write(gzip.compress(b"a\tb\n1\t2\n"), "t.tsv.gz")).shape == (1, 2)
    assert read_file(write("\ufeffa,b\r\n1,2\r\n\r\n3,4\r\n"))["a"].tolist() == [1, 3]


def test_a_quoted_cell_holds_delimiters_and_lines(write):
    table = read_file(write('a,b\n"x, y",1\n"two\nlines",2\n'))
    assert table["a"].tolist() == ["x, y", "two\nlines"]


def test_parquet_keeps_its_types_and_loses_its_codes(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    kind = pd.Categorical(["a", "?", "b"])
    pd.DataFrame({"id": [2**60 + 1, -1, 3], "kind": kind}).to_parquet(path)
    table = read_file(path, missing=["-1", "?"])
    assert table["id"].iloc[0] == 2**60 + 1
    assert table["id"].isna().tolist() == [False, True, False]
    assert table["kind"].cat.categories.tolist() == ["a", "b"]


def test_a_workbook_reads_like_a_csv(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "t.xlsx"
    cells = {"id": ["007", "012", "3"], "x": [1, 2.5, None], "lab": [5, "<3", "NA"]}
    pd.DataFrame(cells).to_excel(path, index=False)
    table = read_file(path)
    assert table["id"].tolist() == ["007", "012", "3"]
    assert table["x"].tolist()[:2] == [1.0, 2.5]
    assert table["lab"].tolist() == ["5", "<3", "NA"]


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "t.csv", "empty"),
        (b" \n\n", "t.csv", "empty"),
        (b"a,b\n", "t.csv", "no rows"),
        (b"a;b\n1;2\n", "t.csv", r"sep=';'.*--sep ';'"),
        (b"a\tb\n1\t2\n", "t.csv", r"sep='\\t'"),
        (b"a,b\n1,2\n", "t.tsv", r"sep=','"),
        (b"a|b\n1|2\n", "t.csv", r"sep='\|'"),
        (b"n\xe4me,b\n1,2\n", "t.csv", r"position 1 .*encoding='latin-1' \(--encoding latin-1\)"),
        ("a,b\n1,2\n".encode("utf-16"), "t.csv", "encoding='utf-16'"),
        (b"a,b,a\n1,2,3\n", "t.csv", "more than one column called 'a'"),
        (b"a,b\n1,2\n1,2,3\n4\n", "t.csv", r"2 of 3 records .*first at position 1 \(3 cells\)"),
        (b'a,b\n1,"2\n3,4\n', "t.csv", "quote"),
        (b"PK\x03\x04xxxx", "t.csv", "zip archive"),
        (b"\x1f\x8bxxxx", "t.csv.gz", "damaged gzip"),
        (b"not a parquet", "t.parquet", "not a parquet file"),
        (b"x", "t.xls", "export it"),
    ],
)
def test_a_bad_file_is_told_in_one_sentence(write, content, name, says):
    with pytest.raises(ReadError, match=says) as caught:
        read_file(write(content, name))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_an_absent_file_and_a_folder(tmp_path):
    with pytest.raises(ReadError, match="there is no file"):
        read_file(tmp_path / "absent.csv")
    with pytest.raises(ReadError, match="folder"):
        read_file(tmp_path)


def test_no_cell_is_quoted_in_an_error(write):
    with pytest.raises(ReadError) as caught:
        read_file(write("a,b\nMary Smith,2,3\nJoe Doe,1\n"))
    assert "Mary" not in str(caught.value)


@pytest.mark.slow
def test_a_large_file_is_read_in_seconds(tmp_path):
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.integers(0, 999, 100_000) for i in range(25)}
    columns |= {f"c{i}": rng.choice(["No", "Up", "007"], 100_000) for i in range(25)}
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    start = time.perf_counter()
    assert read_file(tmp_path / "t.csv").shape == (100_000, 50)
    assert time.perf_counter() - start < 6
