"""Public tables: fetched from a server of our own with made-up rows, checked, kept, declared."""

import hashlib
import io
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from zipfile import ZipFile

import pandas as pd
import pytest

from healthml.datasets import (
    _fetch,
    fetch_diabetes130,
    fetch_heart_disease,
    fetch_support2,
)
from healthml.exceptions import InputError, ReadError

pytest.importorskip("pooch", reason="needs the extra healthml[datasets]")
FETCH = {
    "support2": fetch_support2,
    "diabetes130": fetch_diabetes130,
    "heart_disease": fetch_heart_disease,
}
SUPPORT_COLUMNS = ["id", "sex", "race", "age", "hospdead", *_fetch._SUPPORT_LATER]


def made_up():
    """Return {file name: bytes} with the columns of the real files and rows of nobody."""
    support = pd.DataFrame([[k, "f", "white", 60, k % 2, *[1] * 11] for k in range(6)])
    stays = "encounter_id,patient_nbr,race,gender,age,A1Cresult,readmitted\n"
    stays += "1,7,?,Female,[0-10),None,<30\n2,7,Asian,Male,[10-20),>8,NO\n"
    archive = io.BytesIO()
    with ZipFile(archive, "w") as file:
        file.writestr("diabetic_data.csv", stays)
        file.writestr("IDS_mapping.csv", "")
    row = "63.0,1.0,1.0,145.0,0,?,2.0,-9,0.0,2.3,3.0,0.0,6.0"
    heart = {
        f"processed.{site}.data": f"{row},{k}\n".encode()
        for k, site in enumerate(("cleveland", "hungarian", "switzerland", "va"))
    }
    return {
        "support2.csv": support.to_csv(index=False, header=SUPPORT_COLUMNS).encode(),
        "diabetes130.zip": archive.getvalue(),
        **heart,
    }


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.asked.append(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve made-up files, and know them in place of the real ones."""
    folder, files = tmp_path / "served", made_up()
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    known = {
        table: tuple(replace(f, sha256=hashlib.sha256(files[f.name]).hexdigest()) for f in parts)
        for table, parts in _fetch.FILES.items()
    }
    monkeypatch.setattr(_fetch, "FILES", known)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    server.asked, server.folder = [], folder
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("name", FETCH)
def test_a_table_is_fetched_once_and_its_schema_fits(name, server, tmp_path, capfd):
    home = tmp_path / "home"
    first = FETCH[name](data_home=home, mirror=server.url)
    asked = len(server.asked)
    again = FETCH[name](data_home=home, mirror=server.url)
    kept = FETCH[name](data_home=home, download=False)
    pd.testing.assert_frame_equal(first.frame, again.frame)
    pd.testing.assert_frame_equal(first.frame, kept.frame)
    assert asked == len(server.asked) == len(_fetch.FILES[name])
    parts = first.schema.split(first.frame)
    assert len(parts.y) == len(first.frame)
    assert capfd.readouterr() == ("", "")
    assert f"{len(first.frame)} rows" in repr(first)


def test_what_was_published_is_neither_lost_nor_guessed(server, tmp_path):
    options = {"data_home": tmp_path / "home", "mirror": server.url}
    stays = fetch_diabetes130(**options).frame
    assert stays["A1Cresult"].tolist() == ["None", ">8"]
    assert stays["race"].isna().tolist() == [True, False]
    heart = fetch_heart_disease(**options)
    assert heart.frame["site"].tolist() == ["cleveland", "hungarian", "switzerland", "va"]
    assert heart.frame["chol"].tolist() == [0, 0, 0, 0]
    assert heart.frame[["fbs", "thalach"]].isna().all(axis=None)
    assert heart.schema.split(heart.frame).y.tolist() == [0, 1, 1, 1]
    support = fetch_support2(**options)
    assert support.schema.split(support.frame).X.columns.tolist() == ["sex", "race", "age"]


@pytest.mark.parametrize("name", FETCH)
def test_other_bytes_are_refused(name, server, tmp_path):
    source = _fetch.FILES[name][0]
    (server.folder / source.name).write_bytes(b"a,b\n1,2\n")
    home = tmp_path / "home"
    with pytest.raises(ReadError, match=r"is not the file that is known here \(its SHA-256"):
        FETCH[name](data_home=home, mirror=server.url)
    assert not list(home.glob("processed*"))
    home.mkdir(exist_ok=True)
    (home / source.name).write_bytes(b"a,b\n1,2\n")
    with pytest.raises(ReadError, match="delete it and fetch it again"):
        FETCH[name](data_home=home, download=False)


def test_a_file_that_was_damaged_is_fetched_again(server, tmp_path):
    home = tmp_path / "home"
    whole = fetch_support2(data_home=home, mirror=server.url).frame
    (home / "support2.csv").write_bytes(b"id\n1\n")
    again = fetch_support2(data_home=home, mirror=server.url).frame
    pd.testing.assert_frame_equal(whole, again)


def test_without_a_network_the_error_says_what_to_do(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(ReadError, match="could not be fetched") as caught:
        fetch_support2(data_home=tmp_path / "home", mirror=server.url)
    assert all(word in str(caught.value) for word in ("network", "mirror", "support2.csv"))


def test_a_file_that_the_server_lacks_is_an_error_too(server, tmp_path):
    with pytest.raises(ReadError, match="HTTPError"):
        fetch_support2(data_home=tmp_path / "home", mirror=f"{server.url}/nowhere")


def test_the_folder_can_be_named_in_the_environment(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HEALTHML_DATA", str(tmp_path / "kept"))
    fetch_support2(mirror=server.url)
    assert (tmp_path / "kept" / "support2.csv").is_file()


def test_without_pooch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(InputError, match=r"pip install 'healthml\[datasets\]'"):
        fetch_support2()


def test_known_addresses_are_those_of_the_archive():
    files = [file for parts in _fetch.FILES.values() for file in parts]
    assert all(file.url.startswith("https://archive.ics.uci.edu/") for file in files)
    assert all(len(file.sha256) == 64 for file in files)
    assert len({file.name for file in files}) == len(files) == 6
