"""curl, as the page and the documentation show it."""

import json
import subprocess

from conftest import ROOT, WEIGHTS, Server


def curl(*words):
    return subprocess.run(["curl", "-sS", "--max-time", "60", *words], capture_output=True, text=True, check=True).stdout


def test_curl_sends_pictures_raw_and_as_a_form(server, expected):
    street = ROOT / "assets/street.jpg"
    url = f"{server.url}/v1/models/n/detect"
    for words in [("--data-binary", f"@{street}", "-H", "content-type: image/jpeg"), ("-F", f"image=@{street}")]:
        assert json.loads(curl(*words, url))["detections"] == expected


def test_curl_reads_over_tls_and_http2(tmp_path, expected):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    server = Server("--model", f"n={WEIGHTS}", "--tls-cert", str(certificate), "--tls-key", str(key), "--shutdown-delay", "0")
    port = server.url.rsplit(":", 1)[1]
    assert server.url.startswith("https://")
    words = ["--cacert", str(certificate), "--http2", "-o", "/dev/null", "-w", "%{http_version}"]
    said = curl(*words, f"https://localhost:{port}/v2/health/ready")
    assert said == "2"
    street = ROOT / "assets/street.jpg"
    said = curl("--cacert", str(certificate), "--data-binary", f"@{street}", f"https://localhost:{port}/v1/models/n/detect")
    assert json.loads(said)["detections"] == expected
    assert server.end() == 0
