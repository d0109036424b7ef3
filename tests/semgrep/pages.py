from jinja2 import Environment
from markupsafe import Markup


def markup(name):
    # ruleid: markup-of-a-value
    Markup(name)
    # ruleid: markup-of-a-value
    Markup(f"<b>{name}</b>")
    # ok: markup-of-a-value
    Markup("<b>{}</b>").format(name)


def environments():
    # ruleid: page-without-escaping
    Environment()
    # ruleid: page-without-escaping
    Environment(autoescape=False)
    # ok: page-without-escaping
    Environment(autoescape=True)
