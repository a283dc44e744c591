import datetime
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import healthml
from healthml.exceptions import InputError, OutcomeError, SchemaError
from healthml.schema import Parts, Schema, Variable
from healthml.schema._eligibility import Eligibility


@pytest.fixture
def table():
    n = 12
    return pd.DataFrame(
        {
            "mrn": [2**60 + i // 2 for i in range(n)],
            "encounter": range(n),
            "age": [17.0, np.nan, *range(30, 40)],
            "sex": pd.Categorical(["f", "m"] * 6),
            "ward": pd.array(["A", "B", "C"] * 4, dtype="string"),
            "sodium": pd.array([140, -1] * 6, dtype="Int64"),
            "crp": [-1, 5] * 6,
            "admitted": pd.date_range("2020-01-01", periods=n),
            "los": range(n),
            "risk": np.linspace(0, 1, n),
            "status": ["Died", "Alive", "Alive"] * 4,
        },
        index=[f"row{i % 5}" for i in range(n)],
    )


ROLES = {
    "outcome": "status",
    "event": "Died",
    "patient": "mrn",
    "site": "ward",
    "time": "admitted",
    "score": "risk",
    "sensitive": ["sex", "age"],
    "identifier": "encounter",
    "known_after": "los",
}


def test_public_names():
    assert healthml.Schema is Schema
    assert healthml.Variable is Variable


class TestSplit:
    def test_roles_leave_or_stay(self, table):
        parts = Schema(**ROLES).split(table)
        assert isinstance(parts, Parts)
        assert list(parts.X) == ["age", "sex", "ward", "sodium", "crp", "admitted"]
        assert parts.y.tolist() == [1, 0, 0] * 4
        assert parts.sensitive.columns.tolist() == ["sex", "age"]
        slim = Schema(**ROLES).split(table, drop_sensitive=True, drop_site=True, drop_time=True)
        assert list(slim.X) == ["sodium", "crp"]
        assert slim.sensitive.equals(parts.sensitive)

    def test_values_types_and_index_survive(self, table):
        before = table.copy()
        parts = Schema(**ROLES).split(table)
        assert parts.groups.tolist() == table["mrn"].tolist()
        assert parts.X.dtypes.equals(table.dtypes[list(parts.X)])
        for part in (parts.X, parts.y, parts.groups, parts.site, parts.time, parts.score):
            assert part.index.tolist() == table.index.tolist()
        parts.X["age"] = 0.0
        assert table.equals(before)

    def test_rows_are_left_out_and_counted(self, table):
        table.loc[:, "status"] = table["status"].where(np.arange(12) != 5)
        rules = ["age >= 18", {"column": "ward", "levels": ["A", "B"]}]
        parts = Schema(**ROLES, eligibility=rules).split(table)
        assert parts.kept.tolist() == [3, 4, 6, 7, 9, 10]
        assert parts.flow[["step", "n_left_out", "n_samples", "n_patients"]].values.tolist() == [
            ["rows in the table", 0, 12, 6],
            ["age missing", 1, 11, 6],
            ["not eligible: age >=18", 1, 10, 5],
            ["not eligible: ward in A, B", 4, 6, 5],
            ["analysed", 0, 6, 5],
        ]
        assert parts.flow["n_events"].iloc[-1] == parts.y.sum()
        assert table["status"].iloc[parts.kept].eq("Died").astype(int).tolist() == parts.y.tolist()

    def test_a_missing_outcome_is_left_out_not_coded_zero(self):
        df = pd.DataFrame({"x": range(4), "y": [1.0, np.nan, 0.0, np.nan]})
        parts = Schema(outcome="y").split(df)
        assert parts.y.tolist() == [1, 0]
        assert parts.flow["step"].tolist() == ["rows in the table", "outcome missing", "analysed"]
        assert parts.flow["n_left_out"].tolist() == [0, 2, 0]

    @given(st.lists(st.sampled_from([0, 1, None]), min_size=1), st.integers(0, 90))
    def test_every_row_is_accounted_for(self, outcome, age):
        df = pd.DataFrame({"age": [(age + 37 * i) % 91 for i in range(len(outcome))], "y": outcome})
        schema = Schema(outcome="y", eligibility="age >= 18")
        expected = [i for i, y in enumerate(outcome) if y is not None and df["age"][i] >= 18]
        if len({outcome[i] for i in expected}) < 2:
            with pytest.raises(InputError):
                schema.split(df)
            return
        parts = schema.split(df)
        assert parts.kept.tolist() == expected
        assert parts.flow["n_left_out"].sum() + len(parts.y) == len(df)

    def test_missing_codes_become_missing_and_types_stay(self, table):
        codes = {"sodium": Variable(missing_codes=[-1]), "crp": {"missing_codes": ["-1"]}}
        X = Schema(**ROLES, variables=codes).split(table).X
        assert X["sodium"].dtype == table["sodium"].dtype
        assert X["sodium"].isna().tolist() == [False, True] * 6
        assert X["crp"].isna().tolist() == [True, False] * 6
        coded = pd.DataFrame({"x": range(3), "y": [0, 1, 9]})
        schema = Schema(outcome="y", variables={"y": {"missing_codes": [9]}})
        assert schema.split(coded).y.tolist() == [0, 1]

    def test_polars_gives_the_same(self, table):
        pl = pytest.importorskip("polars")
        plain = table.reset_index(drop=True).astype({"sodium": "int64"})
        source = pl.DataFrame({name: plain[name].tolist() for name in plain})
        ours, theirs = Schema(**ROLES).split(source), Schema(**ROLES).split(plain)
        assert ours.y.tolist() == theirs.y.tolist()
        assert ours.groups.tolist() == theirs.groups.tolist()
        assert ours.flow.equals(theirs.flow)

    @pytest.mark.parametrize("role", ["patient", "site"])
    def test_a_missing_patient_or_site_is_refused(self, table, role):
        column = ROLES[role]
        table[column] = table[column].astype("string").where(np.arange(12) != 7)
        match = f"in 1 of 12 rows, the first at position 7, the {role} '{column}' is missing"
        with pytest.raises(SchemaError, match=match) as caught:
            Schema(**ROLES).split(table)
        assert "row2" not in str(caught.value)


class TestHorizon:
    schema = Schema(outcome="died", follow_up="days", horizon=30)

    def split(self, died, days):
        return self.schema.split(pd.DataFrame({"x": 1.0, "died": died, "days": days}))

    def test_followed_to_the_horizon(self):
        parts = self.split([1, 0, 0], [3, 30, 400])
        assert parts.y.tolist() == [1, 0, 0]
        assert list(parts.X) == ["x"]

    def test_censored_before_the_horizon_is_refused(self):
        with pytest.raises(SchemaError, match=r"in 2 of 4 rows, .* position 1, .*censored"):
            self.split([1, 0, 0, 0], [3, 29.9, 30, None])

    def test_an_event_beyond_the_horizon_is_refused(self):
        with pytest.raises(SchemaError, match=r"in 1 of 3 rows.*beyond the horizon of 30"):
            self.split([1, 1, 0], [3, 31, 40])

    def test_what_is_no_time_is_refused(self):
        with pytest.raises(SchemaError, match=r"in 2 of 3 rows.*is no time of 0 or more"):
            self.split([1, 1, 0], ["3", "-1", "unknown"])


class TestOutcome:
    @pytest.mark.parametrize(
        ("values", "event", "y"),
        [
            ([0, 1, 1], None, [0, 1, 1]),
            ([True, False, True], None, [1, 0, 1]),
            (["NO", "<30", ">30"], "<30", [0, 1, 0]),
            ([0, 2, 4], ">0", [0, 1, 1]),
        ],
    )
    def test_the_event(self, values, event, y):
        df = pd.DataFrame({"x": [1, 2, 3], "y": values})
        assert Schema(outcome="y", event=event).split(df).y.tolist() == y

    @pytest.mark.parametrize(
        ("values", "event", "says"),
        [
            (["NO", "<30", ">30"], None, "outcome 'y' has 3 levels, none of them with 11"),
            (["a", "b", "a"], None, "2 levels.*name the level"),
            ([1, 1, 1], None, "one class only"),
            (["a", "b", "a"], "c", "event='c' is not a level"),
        ],
    )
    def test_an_unusable_outcome(self, values, event, says):
        df = pd.DataFrame({"x": [1, 2, 3], "y": values})
        with pytest.raises(OutcomeError, match=says):
            Schema(outcome="y", event=event).split(df)

    def test_no_outcome_at_all(self):
        df = pd.DataFrame({"x": [1, 2], "y": [None, None]})
        with pytest.raises(SchemaError, match="declares no outcome"):
            Schema().split(df)
        with pytest.raises(SchemaError, match=r"no row of 2 is left after .*outcome missing"):
            Schema(outcome="y").split(df)
        with pytest.raises(SchemaError, match="no column is left as a feature"):
            Schema(outcome="y", known_after="x").split(df)


class TestTable:
    def test_a_missing_column_is_named_with_close_ones(self, table):
        with pytest.raises(SchemaError, match=r"no column 'Statos', .*outcome; did you.* 'status'"):
            Schema(outcome="Statos").split(table)
        with pytest.raises(SchemaError, match="'zzz', declared as a variable; there are 'mrn'"):
            Schema(outcome="status", event="Died", variables={"zzz": Variable()}).split(table)

    def test_infinite_features(self, table):
        table["age"] = [1.0, np.inf, *range(10)]
        with pytest.raises(InputError, match=r"'age' of the table has 1 infinite .* position 1"):
            Schema(**ROLES).split(table)
        table["los"], table["age"] = table["age"], 1.0
        assert len(Schema(**ROLES).split(table).y) == 12  # not a feature

    def test_empty_and_duplicate(self):
        with pytest.raises(InputError, match="0 rows"):
            Schema(outcome="y").split(pd.DataFrame({"x": [], "y": []}))
        with pytest.raises(InputError, match="more than one column called 'y'"):
            Schema(outcome="y").split(pd.DataFrame([[1, 2]], columns=["y", "y"]))


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"outcome": "y", "patient": "y"}, "'y' is declared as outcome and as patient"),
        ({"known_after": ["a"], "sensitive": "a"}, "'a' is declared as sensitive and as known"),
        ({"site": "a", "time": "a"}, "'a' is declared as site and as time"),
        ({"sensitive": ["a", "a"]}, "'a' is listed twice as sensitive"),
        ({"outcome": ["a", "b"]}, "must be the name of one column"),
        ({"event": 1}, "has no outcome"),
        ({"horizon": 30}, "without follow_up"),
        ({"horizon": 0, "follow_up": "t"}, "above 0"),
        ({"horizon": "30 d", "follow_up": "t"}, "above 0"),
        ({"threshold_range": (0, 0.3)}, "between 0 and 1"),
        ({"threshold_range": (0.1, 1)}, "between 0 and 1"),
        ({"threshold_range": (0.3, 0.1)}, "minimum above its maximum"),
        ({"threshold_range": 0.1}, "not a pair"),
        ({"prediction_time": 3}, "must be words"),
        ({"eligibility": "adults"}, "no comparison"),
        ({"eligibility": {"column": "age"}}, "either a rule or levels"),
        ({"eligibility": {"column": "age", "rule": "adult"}}, "no comparison"),
        ({"eligibility": {"col": "age"}}, "no key 'col'; did you mean 'column'"),
        ({"eligibility": {"rule": ">1"}}, "names no column"),
        ({"variables": ["a"]}, "must map columns"),
        ({"variables": {"a": {"kind": "numbr"}}}, "variable 'a': kind='numbr' is unknown"),
        ({"variables": {"a": {"hard": [5, 1]}}}, "variable 'a': .*minimum above its maximum"),
        ({"variables": {"a": {"soft": [1]}}}, "variable 'a': .*not a pair"),
        ({"variables": {"a": {"hard": [0, 5], "soft": [1, 9]}}}, "beyond the hard limits"),
        ({"variables": {"a": {"limits": 3}}}, "variable 'a' has no key 'limits'"),
        ({"variables": {"a": {"kind": "text", "hard": [0, 1]}}}, "limits do not fit"),
    ],
)
def test_a_wrong_schema_is_refused(declared, says):
    with pytest.raises(SchemaError, match=says) as caught:
        Schema(**declared)
    assert "\n" not in str(caught.value)


def test_sensitive_may_be_the_site_or_the_time():
    assert Schema(site="region", sensitive=["region"]).sensitive == ("region",)


class TestEligibility:
    @pytest.mark.parametrize(
        ("rule", "values", "met"),
        [
            ("> 3", [3, 4, None], [False, True, False]),
            ("!=3", [3, 4, None], [False, True, False]),
            ("<=3", ["3", "4", " "], [True, False, False]),
            ("=f", ["f", "m", None], [True, False, False]),
            ("!= f", ["f", "m", None], [False, True, False]),
            (">=2020-01-02", pd.to_datetime(["2020-01-01", "2020-01-02"]), [False, True]),
        ],
    )
    def test_rules(self, rule, values, met):
        assert Eligibility("c", rule).met(pd.Series(values)).tolist() == met

    def test_levels(self):
        rule = Eligibility("c", levels=[1, "2"])
        assert rule.met(pd.Series([1.0, 2.0, None, 3.0])).tolist() == [True, True, False, False]
        assert rule.met(pd.Series(["1", "x"], dtype="category")).tolist() == [True, False]

    @pytest.mark.parametrize(
        ("rule", "values", "says"),
        [
            (">=18", [17, "> 89"], "1 of its cells are not numbers, the first at position 1"),
            (">b", ["a", "b"], "which is no number"),
            (">soon", pd.to_datetime(["2020-01-01"]), "write 2015-01-31"),
        ],
    )
    def test_what_cannot_be_compared(self, rule, values, says):
        with pytest.raises(SchemaError, match=says) as caught:
            Eligibility("c", rule).met(pd.Series(values))
        assert "> 89" not in str(caught.value)


class TestText:
    full = Schema(
        **ROLES,
        prediction_time="at admission",
        follow_up="days",
        horizon=30,
        eligibility=["age >= 18", {"column": "ward", "levels": ["No", "1:30"]}],
        threshold_range=(0.05, 0.3),
        variables={
            "sodium": Variable("numeric", "mmol/L", "sodium", (80, 220), (120, None), [-1, "?"]),
            "smoker": Variable("categorical", vocabulary=["Yes", "No", "010", "1e5", "null", ""]),
        },
    )

    def test_round_trip(self, tmp_path):
        for write, read in ((Schema.to_yaml, Schema.from_yaml), (Schema.to_json, Schema.from_json)):
            assert read(write(self.full)) == self.full
            write(self.full, tmp_path / "s.yaml")
            assert read(tmp_path / "s.yaml") == self.full
            assert read(str(tmp_path / "s.yaml")) == self.full
            assert read(write(Schema())) == Schema()

    @given(
        st.lists(st.text(min_size=1), min_size=1, unique=True),
        st.text()
        | st.integers()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False),
    )
    def test_any_text_survives(self, names, event):
        schema = Schema(
            outcome="the outcome",
            event=event,
            known_after=[f"x{name}" for name in names],
            variables={name: Variable(vocabulary=[name, event]) for name in names},
        )
        for read in (Schema.from_yaml(schema.to_yaml()), Schema.from_json(schema.to_json())):
            assert read == schema
            assert type(read.event) is type(event)

    def test_yaml_has_no_surprises(self):
        text = "outcome: readmitted\nevent: No\nsensitive: sex\nvariables:\n  on: {unit: 1:30}\n"
        schema = Schema.from_yaml(text)
        assert schema.event == "No"
        assert schema.variables == {"on": Variable(unit="1:30")}
        assert schema.sensitive == ("sex",)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("outcom: died", "no key 'outcom'; did you mean 'outcome'"),
            ("evidence: 3", "no key 'evidence'"),
            ("outcome: died\noutcome: dead", "the key 'outcome' twice"),
            ("outcome: [died", "not YAML in line"),
            ("just text", "not a mapping"),
            ("- a\n- b\n", "not a mapping"),
            ("variables: {age: 3}", "variable 'age' is not a mapping"),
            ("absent/schema.yaml", "cannot be read"),
            ("a: !!python/object:os.system x", "not YAML"),
            ("", "the schema is empty"),
            ("# only a comment", "the schema is empty"),
            ("[" * 3000, "nested too deeply"),
            ("horizon: " + "9" * 6000, "cannot be read"),
            ("outcome: !!timestamp 2020-99-99", "cannot be read"),
            ("sensitive: {a: 1}", "sensitive holds a list, a mapping or nothing"),
            ("sensitive: [[a]]", "sensitive holds"),
            ("known_after: {a: 1}", "known_after holds"),
            ("identifier: [null]", "identifier holds"),
            ("&x {sensitive: *x}", "sensitive holds"),
            ("variables: {a: {missing_codes: {b: c}}}", "variable 'a': missing_codes holds"),
            ("variables: {a: {unit: [3]}}", "variable 'a': unit must be text"),
            ("eligibility: [{column: [a], levels: [b]}]", "column holds"),
        ],
    )
    def test_bad_yaml(self, text, says):
        with pytest.raises(SchemaError, match=says):
            Schema.from_yaml(text)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('{"outcome": "a", "outcome": "b"}', "twice"),
            ('{"outcome": }', "not JSON in line 1"),
            ("[1]", "not a mapping"),
            ('{"a":' * 100_000, "nested too deeply"),
            ('{"horizon": ' + "9" * 6000 + "}", "cannot be read"),
            ('{"sensitive": {"a": 1}}', "sensitive holds"),
        ],
    )
    def test_bad_json(self, text, says):
        with pytest.raises(SchemaError, match=says):
            Schema.from_json(text)

    def test_a_text_that_was_cut_anywhere_is_refused(self):
        schema = Schema(outcome="died", sensitive=("sex",), variables={"a": Variable(unit="kg")})
        for text, read in (
            (schema.to_yaml(), Schema.from_yaml),
            (schema.to_json(), Schema.from_json),
        ):
            assert read(text) == schema
            for end in range(len(text.rstrip())):
                with pytest.raises(SchemaError):
                    read(text[:end])

    def test_a_text_that_people_wrote_or_edited_is_read(self):
        schema = Schema(outcome="died", sensitive=("sex",))
        by_hand = "# our study\noutcome: died\nsensitive: [sex]\n"
        edited = schema.to_yaml().replace("[sex]", "[sex]  # as recorded") + "\n\n"
        for text in (by_hand, by_hand.removeprefix("# our study\n"), edited):
            assert Schema.from_yaml(text) == schema

    @pytest.mark.parametrize("write", [Schema.to_yaml, Schema.to_json])
    def test_a_write_that_fails_keeps_the_old_file(self, write, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        target = tmp_path / "schema.yaml"
        target.write_text("outcome: died")
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            write(Schema(outcome="dead"), target)
        assert target.read_text() == "outcome: died"
        assert len(list(tmp_path.iterdir())) == 1

    def test_numpy_values_and_dates_are_written(self):
        schema = Schema(
            outcome="y",
            event=np.int64(1),
            variables={"d": Variable(vocabulary=[datetime.date(2020, 1, 2)])},
        )
        assert json.loads(schema.to_json())["variables"]["d"]["vocabulary"] == ["2020-01-02"]
        assert Schema.from_yaml(schema.to_yaml()).event == 1


class TestInfer:
    @pytest.fixture
    def records(self):
        n = 200
        rng = np.random.default_rng(0)
        return pd.DataFrame(
            {
                "encounter_id": rng.permutation(n) + 5000,
                "patient_nbr": rng.permutation(np.arange(n) // 2) * 7,
                "row": range(n),
                "admission_type_id": rng.integers(1, 5, n),
                "hospitalid": rng.integers(1, 9, n),
                "wardid": rng.integers(1, 20, n),
                "hospital_stay": rng.integers(1, 9, n),
                "birth_date": "1950-01-0" + pd.Series(rng.integers(1, 9, n)).astype(str),
                "admission_date": "2020-01-0" + pd.Series(rng.integers(1, 9, n)).astype(str),
                "gender": rng.choice(["f", "m"], n),
                "age_group": rng.choice(["<40", "40+"], n),
                "stage": rng.integers(1, 4, n),
                "sodium": rng.normal(140, 4, n).round(),
                "creatinine_max": rng.normal(90, 5, n),  # umol/L, not the usual unit
                "apache_risk": np.append(rng.random(n - 1), -1),
                "dischargeweight": rng.normal(80, 9, n),
                "sfdm2": rng.choice(["adl>=4", "<2 mo. follow-up"], n),
                "died": rng.integers(0, 2, n),
            }
        )

    def test_roles_are_proposed(self, records):
        schema = Schema.infer(records)
        assert schema.outcome == "died"
        assert schema.event is None
        assert schema.patient == "patient_nbr"
        assert schema.identifier == ("encounter_id", "row")
        assert schema.site == "hospitalid"
        assert schema.time == "admission_date"
        assert schema.sensitive == ("gender", "age_group")
        assert schema.known_after == ("dischargeweight", "sfdm2")
        assert schema.score is None
        assert next(iter(schema.split(records).X)) == "admission_type_id"

    def test_evidence_counts_and_says_what_is_not_adopted(self, records):
        evidence = Schema.infer(records).evidence.set_index(["column", "role"])
        assert not evidence.loc[("apache_risk", "score"), "adopted"]
        assert "all 199 numbers" in evidence.loc[("apache_risk", "score"), "evidence"]
        assert not evidence.loc[("wardid", "site"), "adopted"]
        assert "200 rows, 100 distinct" in evidence.loc[("patient_nbr", "patient"), "evidence"]

    def test_limits_come_from_shipped_facts_only(self, records):
        from healthml._core._knowledge.facts import concept_limits

        variables = Schema.infer(records).variables
        sodium = concept_limits("sodium")
        assert variables["sodium"].hard == sodium["hard"]
        assert variables["sodium"].unit == sodium["units"][0][0]
        assert variables["creatinine_max"].hard is None
        assert variables["stage"].hard is None
        assert variables["stage"].kind == "numeric"
        assert variables["admission_type_id"].kind == variables["hospitalid"].kind == "categorical"
        wild = records.assign(sodium=records["sodium"].mask(records.index < 5, 900.0))
        assert Schema.infer(wild).variables["sodium"] == variables["sodium"]

    def test_what_is_known_is_kept(self, records):
        schema = Schema.infer(records, outcome="stage", event=">1", site="wardid", sensitive=[])
        assert (schema.outcome, schema.event, schema.site) == ("stage", ">1", "wardid")
        assert schema.sensitive == ()
        assert "died" in schema.known_after
        with pytest.raises(SchemaError, match="no column 'stag'"):
            Schema.infer(records, outcome="stag")
        with pytest.raises(SchemaError, match="no key 'outcom'"):
            Schema.infer(records, outcom="stage")

    def test_the_event_is_not_guessed(self, records):
        records["died"] = records["died"].map({0: "Alive", 1: "Died"})
        assert Schema.infer(records, event="Died").split(records).y.sum() > 0
        schema = Schema.infer(records)
        assert schema.event is None
        with pytest.raises(OutcomeError, match="2 levels: 'Alive', 'Died'"):
            schema.split(records)

    def test_of_two_outcomes_none_is_chosen(self, records):
        records["hospdead"] = 1 - records["died"]
        schema = Schema.infer(records)
        assert schema.outcome is None
        assert set(schema.known_after) >= {"died", "hospdead"}

    def test_discharge_is_no_hint_for_readmission(self, records):
        schema = Schema.infer(records.rename(columns={"died": "readmitted"}))
        assert schema.outcome == "readmitted"
        assert "dischargeweight" not in schema.known_after

    def test_no_value_is_told(self, records):
        records["encounter_id"] = [f"SECRET-{i}" for i in range(len(records))]
        told = Schema.infer(records).evidence.to_string() + Schema.infer(records).to_yaml()
        assert "SECRET" not in told

    def test_round_trip(self, records):
        schema = Schema.infer(records)
        assert Schema.from_yaml(schema.to_yaml()) == schema
