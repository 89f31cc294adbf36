"""Started by Terraform: says hello as go-plugin does, then serves protocol 5 on 127.0.0.1 until it is told to stop.

go-plugin's “internals” (https://github.com/hashicorp/go-plugin/tree/main/docs); Terraform's own
docs/plugin-protocol/tfplugin5.5.proto
"""

import base64
import datetime
import os
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tfplugin_proto import tfplugin5_5_pb2 as pb
from tfplugin_proto import tfplugin5_5_pb2_grpc as rpc

from deploy.check.provider import arguments, data, resources, schema, wire

# Terraform's own constant: it keeps people from starting plugins by hand.
COOKIE = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"


class Provider(rpc.ProviderServicer):
    def __init__(self) -> None:
        self.region = "us-east-1"
        self.default_tags: dict[str, str] = {}
        self.applied: Counter[bytes] = Counter()

    def GetSchema(self, request: Any, context: Any) -> Any:
        return schema.response()

    def PrepareProviderConfig(self, request: Any, context: Any) -> Any:
        return pb.PrepareProviderConfig.Response(prepared_config=request.config)

    def ValidateResourceTypeConfig(self, request: Any, context: Any) -> Any:
        response = pb.ValidateResourceTypeConfig.Response()
        for problem in arguments.problems(request.type_name, wire.read(request.config)):
            response.diagnostics.add(severity=1, summary=f"{request.type_name}: {problem}")
        return response

    def ValidateDataSourceConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateDataSourceConfig.Response()

    def Configure(self, request: Any, context: Any) -> Any:
        config = wire.read(request.config) or {}
        if isinstance(config.get("region"), str):
            self.region = config["region"]
        for block in config.get("default_tags") or []:
            self.default_tags = block.get("tags") or {}
        return pb.Configure.Response()

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        return pb.UpgradeResourceState.Response(upgraded_state=pb.DynamicValue(json=request.raw_state.json))

    def ReadResource(self, request: Any, context: Any) -> Any:
        return pb.ReadResource.Response(new_state=request.current_state, private=request.private)

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        proposed = wire.read(request.proposed_new_state)
        if proposed is None:
            return pb.PlanResourceChange.Response(planned_state=request.proposed_new_state)
        prior = wire.read(request.prior_state)
        planned = resources.plan(request.type_name, proposed, prior, self.region, self.default_tags)
        return pb.PlanResourceChange.Response(planned_state=wire.write(planned))

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        planned = wire.read(request.planned_state)
        if planned is None:
            return pb.ApplyResourceChange.Response(new_state=request.planned_state)
        alike = request.type_name.encode() + request.planned_state.msgpack
        self.applied[alike] += 1
        state = resources.apply(request.type_name, planned, self.region, self.applied[alike])
        return pb.ApplyResourceChange.Response(new_state=wire.write(state))

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        answer = data.answer(request.type_name, wire.read(request.config), self.region)
        return pb.ReadDataSource.Response(state=wire.write(answer))

    def Stop(self, request: Any, context: Any) -> Any:
        return pb.Stop.Response()


class Controller(grpc.GenericRpcHandler):
    """go-plugin's own service, of which only the end matters."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def service(self, call: Any) -> Any:
        if call.method == "/plugin.GRPCController/Shutdown":
            return grpc.unary_unary_rpc_method_handler(self.shut_down, bytes, bytes)
        return None

    def shut_down(self, request: bytes, context: Any) -> bytes:
        self.stopped.set()
        return b""


def _certificate() -> tuple[bytes, bytes, bytes]:
    """For this process only: the key and the certificate as PEM, and the certificate as DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(minutes=5))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
    made = builder.add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, made.public_bytes(pem), made.public_bytes(serialization.Encoding.DER)


def main() -> None:
    if os.environ.get("TF_PLUGIN_MAGIC_COOKIE") != COOKIE:
        sys.exit("Terraform starts this program; `python -m deploy.check terraform plan` is a way to let it.")
    controller = Controller()
    server = grpc.server(ThreadPoolExecutor(8), handlers=[controller])
    rpc.add_ProviderServicer_to_server(Provider(), server)
    key, certificate, der = _certificate()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    print(f"1|5|tcp|127.0.0.1:{port}|grpc|{base64.b64encode(der).decode().rstrip('=')}", flush=True)
    controller.stopped.wait()
    server.stop(0.2)


if __name__ == "__main__":
    main()
