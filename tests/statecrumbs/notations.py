"""Ways in which a name and its value are written, each by a function of the two.

Each writes the value as the program does that makes such a text: `json`, `repr`, `csv`, a shell.
The text has a city before the value and a zone behind it, which must stay. A function returns None
where the notation cannot hold the name or the value.
"""

# ruff: noqa: S608 - no database runs the statements

from __future__ import annotations

import csv
import html
import io
import json
import pprint
import shlex
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

NOTATIONS = {}


def notation(write):
    NOTATIONS[write.__name__] = write
    return write


def one_line(write):
    def checked(name, value):
        return None if "\n" in value else write(name, value)

    checked.__name__ = write.__name__
    return notation(checked)


def of_identifiers(write):
    def checked(name, value):
        return write(name, value) if name.isidentifier() else None

    checked.__name__ = write.__name__
    return notation(checked)


def fields(name, value):
    return {"city": "Ulm", name: value, "zone": "eu"}


def records(label, content, name, value, prefix=""):
    return [{label: prefix + each, content: other} for each, other in fields(name, value).items()]


def encoded(text):
    return quote(text, safe="")


def in_sql(value):
    return "'" + value.replace("'", "''") + "'"


# JSON


@notation
def json_object(name, value):
    return json.dumps(fields(name, value))


@notation
def json_on_lines(name, value):
    return json.dumps(fields(name, value), ensure_ascii=False, indent=1)


@notation
def json_in_json(name, value):
    return json.dumps({"body": json.dumps(fields(name, value))})


@notation
def json_in_json_in_json(name, value):
    return json.dumps({"log": json_in_json(name, value)})


@notation
def json_in_html(name, value):
    return f"<pre>{html.escape(json.dumps(fields(name, value)))}</pre>"


@notation
def json_in_a_log_line(name, value):
    return f"2026-11-30 INFO app: payload={json.dumps(fields(name, value))}"


@notation
def json_of_go(name, value):
    return json.dumps({"url": form_in_a_path(name, value)}).replace("&", "\\u0026")


@notation
def json_records(name, value):
    return json.dumps(records("key", "value", name, value))


@notation
def json_records_with_the_value_first(name, value):
    return json.dumps(
        [dict(reversed(each.items())) for each in json.loads(json_records(name, value))]
    )


@notation
def json_records_on_lines(name, value):
    return json.dumps(records("name", "value", name, value), indent=2)


@notation
def json_columns_and_rows(name, value):
    table = {"columns": [*fields(name, value)], "rows": [["Ulm", value, "eu"], ["Bonn", value, ""]]}
    return json.dumps(table)


@notation
def json_patch(name, value):
    return json.dumps(records("path", "value", name, value, prefix="/user/"))


@notation
def json_parameters_of_aws(name, value):
    return json.dumps({"Parameters": records("Name", "Value", name, value, prefix="/prod/")})


@notation
def json_errors_of_fastapi(name, value):
    error = {"loc": ["body", name], "msg": "too short: Ulm, eu", "input": value}
    return json.dumps({"detail": [error]})


# Python


@notation
def python_dict(name, value):
    return repr(fields(name, value))


@notation
def python_dict_in_ascii(name, value):
    return ascii(fields(name, value))


@notation
def python_repr_of_a_repr(name, value):
    return repr(repr(fields(name, value)))


@notation
def python_repr_of_json(name, value):
    return repr(json.dumps(fields(name, value)))


@notation
def python_bytes_of_json(name, value):
    return repr(json.dumps(fields(name, value), ensure_ascii=False).encode())


@notation
def python_pprint(name, value):
    return pprint.pformat({**fields(name, [value])}, width=20)


@notation
def python_items(name, value):
    return repr([*fields(name, value).items()])


@notation
def python_records(name, value):
    return repr(records("name", "value", name, value))


@notation
def python_rows(name, value):
    return repr([[*fields(name, value)], [*fields(name, value).values()]])


@notation
def python_query_dict(name, value):
    return f"<QueryDict: { {each: [other] for each, other in fields(name, value).items()} }>"


@of_identifiers
def python_call(name, value):
    return f"Login(city='Ulm', {name}={value!r}, zone='eu')"


@of_identifiers
def python_setattr(name, value):
    return f"setattr(user, {name!r}, {value!r})  # Ulm, eu"


@notation
def python_environment(name, value):
    return f"os.environ[{name!r}] = {value!r}  # Ulm, eu"


@of_identifiers
def python_template_string(name, value):
    return f"Interpolation({value!r}, {name!r}, None, ''), Interpolation('Ulm', 'eu', None, '')"


@notation
def python_error_of_pydantic(name, value):
    error = {"type": "string_too_short", "loc": ("body", name), "msg": "Ulm, eu", "input": value}
    return repr([error])


@notation
def message_of_pydantic(name, value):
    return (
        f"1 validation error for Ulm\n{name}\n  String should have at least 8 characters "
        f"[type=string_too_short, input_value={value!r}, input_type=str]\n    See eu"
    )


# Markup, settings


@notation
def xml_elements(name, value):
    return f"<a><city>Ulm</city><{name}>{escape(value)}</{name}><zone>eu</zone></a>"


@notation
def xml_in_ascii(name, value):
    return xml_elements(name, value).encode("ascii", "xmlcharrefreplace").decode()


@notation
def xml_attributes(name, value):
    return f'<a city="Ulm" {name}={quoteattr(value)} zone="eu"/>'


@notation
def xml_records(name, value):
    return "".join(
        f'<add key="{each}" value={quoteattr(other)}/>'
        for each, other in fields(name, value).items()
    )


@notation
def xml_properties(name, value):
    return "".join(
        f'<property name="{each}">{escape(other)}</property>'
        for each, other in fields(name, value).items()
    )


@notation
def xml_property_list(name, value):
    return "".join(
        f"<key>{each}</key><string>{escape(other)}</string>"
        for each, other in fields(name, value).items()
    )


@notation
def html_form(name, value):
    return "".join(
        f'<input name="{each}" value="{html.escape(other)}">'
        for each, other in fields(name, value).items()
    )


@notation
def yaml(name, value):
    return f"city: Ulm\n{name}: {json.dumps(value)}\nzone: eu\n"


@one_line
def yaml_in_single_quotes(name, value):
    return f"city: Ulm\n{name}: {in_sql(value)}\nzone: eu\n"


@notation
def yaml_block(name, value):
    block = "".join(f"  {line}\n" for line in value.split("\n"))
    return f"city: Ulm\n{name}: |\n{block}zone: eu\n"


@notation
def yaml_environment_of_kubernetes(name, value):
    return "env:\n" + "".join(
        f"- name: {each}\n  value: {json.dumps(other)}\n"
        for each, other in fields(name, value).items()
    )


@notation
def toml(name, value):
    return f'city = "Ulm"\n"{name}" = {json.dumps(value)}\nzone = "eu"\n'


@notation
def terraform(name, value):
    return f'city = "Ulm"\n{name}    = {json.dumps(value)}\nzone = "eu"\n'


@notation
def logfmt(name, value):
    return f"level=info city=Ulm {name}={json.dumps(value)} zone=eu"


# URLs, forms, headers


@notation
def form(name, value):
    return urlencode(fields(name, value))


@notation
def form_in_a_path(name, value):
    return f"/x?city=Ulm&{encoded(name)}={encoded(value)}&zone=eu"


@notation
def form_with_a_plain_name(name, value):
    return f"GET /x?city=Ulm&{name}={encoded(value)}&zone=eu HTTP/1.1"


@notation
def form_as_bytes(name, value):
    return repr(form_with_a_plain_name(name, value).encode())


@notation
def json_in_a_query(name, value):
    return f"https://h/x?q={encoded(json.dumps(fields(name, value)))}&page=2"


@notation
def query_in_a_query(name, value):
    return f"https://h/x?next={encoded(form_in_a_path(name, value))}&page=2"


@notation
def form_in_parts(name, value):
    return (
        "".join(
            f'--B\r\nContent-Disposition: form-data; name="{each}"\r\n\r\n{other}\r\n'
            for each, other in fields(name, value).items()
        )
        + "--B--"
    )


@one_line
def headers(name, value):
    return f"Host: Ulm\r\n{name}: {value}\r\nZone: eu\r\n" if " " not in value else None


# SQL


@notation
def sql_insert(name, value):
    return f"INSERT INTO u (city, {name}, zone) VALUES ('Ulm', {in_sql(value)}, 'eu')"


@notation
def sql_insert_of_two_rows(name, value):
    row = f"('Ulm', {in_sql(value)}, 'eu')"
    return f'INSERT INTO u ("city", "{name}", "zone") VALUES {row}, {row}'


@of_identifiers
def sql_update(name, value):
    return f"UPDATE u SET city='Ulm', {name}={in_sql(value)}, zone='eu' WHERE id=3"


@of_identifiers
def sql_update_of_cases(name, value):
    case = f"CASE WHEN (id = 3) THEN {in_sql(value)} ELSE NULL END"
    return f"UPDATE u SET city='Ulm', {name} = {case} WHERE zone = 'eu'"


@notation
def sql_condition(name, value):
    condition = f'"{name}" = {in_sql(value)}'
    return f"SELECT id FROM u WHERE city = 'Ulm' AND {condition} AND zone = 'eu'"


@notation
def sql_of_sqlalchemy(name, value):
    parameters = ("Ulm", value, "eu")
    statement = f"INSERT INTO u (city, {name}, zone) VALUES (?, ?, ?)"
    return f"[SQL: {statement}]\n[parameters: {parameters}]"


@notation
def sql_of_sqlalchemy_with_rows(name, value):
    rows = [("Bonn", value, None), ("Ulm", value, "eu")]
    return f"[SQL: INSERT INTO u (city, {name}, zone) VALUES (?, ?, ?)]\n[parameters: {rows}]"


@of_identifiers
def sql_of_sqlalchemy_with_names(name, value):
    parameters = {"c": "Ulm", "p_1": value, "z": "eu"}
    statement = f"UPDATE u SET city=%(c)s, {name}=%(p_1)s WHERE zone = %(z)s"
    return f"[SQL: {statement}]\n[parameters: {parameters}]"


@notation
def sql_of_django(name, value):
    statement = f'UPDATE "u" SET "city" = \'Ulm\', "{name}" = {in_sql(value)}'
    return f"(0.001) {statement}; args={('Ulm', value, 'eu')!r}; alias=default"


@notation
def sql_in_a_call(name, value):
    statement = f"INSERT INTO u (city, {name}, zone) VALUES (%s, %s, %s)"
    return f"cur.execute({statement!r}, {('Ulm', value, 'eu')!r})"


@one_line
def message_of_postgresql(name, value):
    return f"Ulm, eu: DETAIL:  Key ({name})=({value}) already exists."


# Tables


@notation
def table_of_csv(name, value):
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerows([[*fields(name, value)], ["Ulm", value, "eu"], ["Bonn", value, ""]])
    return lines.getvalue()


@one_line
def table_of_tabs(name, value):
    return None if '"' in value else f"city\t{name}\tzone\nUlm\t{value}\teu"


@one_line
def table_of_markdown(name, value):
    if "|" in value:
        return None
    return f"| city | {name} | zone |\n|---|---|---|\n| Ulm | {value} | eu |"


@one_line
def table_of_psql(name, value):
    if "|" in value:
        return None
    return f" city | {name} | zone\n------+---+------\n Ulm  | {value} | eu\n(1 row)"


@notation
def table_of_records(name, value):
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(
        [("key", "value"), *fields(name, value).items()]
    )
    return lines.getvalue()


@one_line
def table_of_records_in_markdown(name, value):
    rows = (f"| {each} | {other} |\n" for each, other in fields(name, value).items())
    return "| name | value |\n|---|---|\n" + "".join(rows) if "|" not in value else None


# Commands


@one_line
def option(name, value):
    return f"tool --city Ulm --{name} {shlex.quote(value)} --zone eu"


@one_line
def option_with_a_sign(name, value):
    return f"tool --city=Ulm --{name}={shlex.quote(value)} --zone=eu"


@notation
def option_in_a_list(name, value):
    return repr(["tool", "--city", "Ulm", f"--{name}", value, "--zone", "eu"])


@notation
def option_with_a_sign_in_a_list(name, value):
    return repr(["tool", "--city=Ulm", f"--{name}={value}", "--zone=eu"])


@one_line
def variable_of_a_shell(name, value):
    return f"CITY=Ulm {name}={shlex.quote(value)} ZONE=eu" if name.isidentifier() else None


@of_identifiers
def variables_in_a_list(name, value):
    return repr(["CITY=Ulm", f"{name}={value}", "ZONE=eu"])


# Changes


@notation
def record_of_a_change(name, value):
    return json.dumps({"field": name, "old": value, "new": value, "by": "Ulm", "in": "eu"})


@of_identifiers
def message_of_a_change(name, value):
    return f"{name} changed from {value!r} to {value!r} by Ulm, eu"
