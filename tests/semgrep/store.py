import pickle

import yaml
from sqlalchemy import text

from store import raw


def statements(c, name, value):
    # ruleid: sql-from-values
    c.execute(text(f"SELECT * FROM run WHERE id = '{value}'"))
    # ruleid: sql-from-values
    c.execute(text("SELECT * FROM run WHERE id = '%s'" % value))
    # ruleid: sql-from-values
    c.execute(text("SELECT * FROM run WHERE id = '{}'".format(value)))
    # ruleid: sql-from-values
    c.exec_driver_sql(f"DELETE FROM {name}")
    # ruleid: sql-from-values
    c.exec_driver_sql("DELETE FROM " + name)
    # ok: sql-from-values
    c.execute(text("SELECT * FROM run WHERE id = :id"), {"id": value})
    # ok: sql-from-values
    c.exec_driver_sql(f"ANALYZE {c.dialect.identifier_preparer.format_table(name)}")


def formats(content):
    # ruleid: unsafe-format
    yaml.load(content, Loader=yaml.Loader)
    # ruleid: unsafe-format
    pickle.loads(content)
    # ruleid: unsafe-format
    eval(content)
    # ok: unsafe-format
    yaml.safe_load(content)


def pages(keeper, page):
    # ruleid: page-stored-uncleaned
    raw.Versions.of(page.records)
    # ok: page-stored-uncleaned
    raw.Versions.of(keeper.page(page).records)
