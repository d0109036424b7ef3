import ssl
import urllib.request

import requests
import urllib3

from dashboard.logs import log_event


def past_our_transport(session, url):
    # ruleid: http-past-our-transport
    requests.get(url, timeout=5)
    # ruleid: http-past-our-transport
    requests.Session()
    # ruleid: http-past-our-transport
    urllib.request.urlopen(url)
    # ruleid: http-past-our-transport
    urllib3.PoolManager()
    # ok: http-past-our-transport
    session.get(url)


def tls(session, context, url):
    # ruleid: tls-not-verified
    session.get(url, verify=False)
    # ruleid: tls-not-verified
    session.verify = False
    # ruleid: tls-not-verified
    context.check_hostname = False
    # ruleid: tls-not-verified
    context.verify_mode = ssl.CERT_NONE
    # ok: tls-not-verified
    session.verify = "ca.pem"


def redirects(session, url):
    # ruleid: redirects-followed
    session.get(url, allow_redirects=True)
    # ok: redirects-followed
    session.get(url, allow_redirects=False)


def logs(log, answer):
    # ruleid: answer-in-the-log
    log.warning("refused: %s", answer.text)
    # ruleid: answer-in-the-log
    log_event("call.made", error=answer.json()["message"])
    # ruleid: answer-in-the-log
    log_event("call.made", error=str(answer.content))
    # ok: answer-in-the-log
    log_event("call.made", status=answer.status_code)
    # ok: answer-in-the-log
    log.warning("refused: %s", answer.status_code)
