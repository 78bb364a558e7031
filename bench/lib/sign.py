"""wrk scripts that send signed requests (a signature is good for 15 minutes)."""
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def signed(url, service, body, headers, region="us-east-1"):
    request = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), service, region).add_auth(request)
    return dict(request.headers)


def wrk_script(url, service, body, headers):
    lines = ['wrk.method = "POST"', f"wrk.body = [==[{body}]==]"]
    for name, value in signed(url, service, body, headers).items():
        lines.append(f'wrk.headers["{name}"] = [==[{value}]==]')
    return "\n".join(lines) + "\n"


def requests_file(path, url, service, bodies, headers):
    """One signed request for each body, as bench/replay.c reads them; the path again."""
    host = url.split("/")[2]
    with open(path, "wb") as f:
        for body in bodies:
            lines = [f"{name}: {value}" for name, value in signed(url, service, body, headers).items()]
            head = "\r\n".join(["POST / HTTP/1.1", f"Host: {host}", *lines, f"Content-Length: {len(body)}"])
            f.write(f"{head}\r\n\r\n{body}\0".encode())
    return path


if __name__ == "__main__":
    url = sys.argv[1]
    sys.stdout.write(wrk_script(url, "sts", "Action=GetCallerIdentity&Version=2011-06-15",
                                {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                                 "User-Agent": "Boto3/1.43.117 md/Botocore#1.43.117 ua/2.1 os/linux lang/python#3.11"}))
