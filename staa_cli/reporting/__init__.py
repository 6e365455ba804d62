"""The papers' tables from the `metrics.json` of finished runs.

`tables.build_tables` turns runs into tables, `formats.render` tables into text, `formats.as_rich` one table into something for a terminal.
"""
