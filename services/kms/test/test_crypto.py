"""KMS's cryptography through boto3, checked with another implementation (the cryptography package). Expectations: KMS API Reference,
"Key spec reference", "Encryption context" (KMS Developer Guide)."""
import datetime
import hashlib
import os

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def public(kit, k):
    return serialization.load_der_public_key(kit.kms.get_public_key(KeyId=k)["PublicKey"])


# ---- symmetric ----

def test_encrypt_decrypt(kit):
    k = kit.key()
    context = {"app": "medal", "id": "7"}
    sealed = kit.kms.encrypt(KeyId=k["KeyId"], Plaintext=b"hello", EncryptionContext=context)
    assert sealed["KeyId"] == k["Arn"] and sealed["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    opened = kit.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=dict(reversed(context.items())))
    assert (opened["Plaintext"], opened["KeyId"]) == (b"hello", k["Arn"])
    for wrong in ({}, {"app": "medal"}, {"app": "Medal", "id": "7"}, {**context, "more": "1"}):
        kit.refused("InvalidCiphertextException", kit.kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=wrong)
    assert kit.kms.encrypt(KeyId=k["KeyId"], Plaintext=b"hello")["CiphertextBlob"] != kit.kms.encrypt(KeyId=k["KeyId"], Plaintext=b"hello")["CiphertextBlob"]
    biggest = os.urandom(4096)
    assert kit.kms.decrypt(CiphertextBlob=kit.kms.encrypt(KeyId=k["KeyId"], Plaintext=biggest)["CiphertextBlob"])["Plaintext"] == biggest


def test_broken_ciphertexts(kit):
    a, b = kit.key()["KeyId"], kit.key()["KeyId"]
    sealed = kit.kms.encrypt(KeyId=a, Plaintext=b"hello")["CiphertextBlob"]
    kit.refused("InvalidCiphertextException", kit.kms.decrypt, CiphertextBlob=b"nonsense")
    kit.refused("InvalidCiphertextException", kit.kms.decrypt, CiphertextBlob=sealed[:-1])
    for at in (0, 30, 32, 40, len(sealed) - 1):
        broken = bytearray(sealed)
        broken[at] ^= 1
        kit.refused("InvalidCiphertextException", kit.kms.decrypt, CiphertextBlob=bytes(broken))
    other = bytearray(sealed)
    other[10] ^= 1  # another key's id
    kit.refused("AccessDeniedException", kit.kms.decrypt, CiphertextBlob=bytes(other))
    kit.refused("IncorrectKeyException", kit.kms.decrypt, CiphertextBlob=sealed, KeyId=b,
                text="The key ID in the request does not identify a CMK that can perform this operation.")


def test_re_encrypt(kit):
    a, b = kit.key(), kit.key()
    sealed = kit.kms.encrypt(KeyId=a["KeyId"], Plaintext=b"hello", EncryptionContext={"x": "1"})["CiphertextBlob"]
    again = kit.kms.re_encrypt(CiphertextBlob=sealed, SourceEncryptionContext={"x": "1"}, DestinationKeyId=b["KeyId"],
                               DestinationEncryptionContext={"y": "2"})
    assert (again["SourceKeyId"], again["KeyId"]) == (a["Arn"], b["Arn"])
    assert kit.kms.decrypt(CiphertextBlob=again["CiphertextBlob"], EncryptionContext={"y": "2"})["KeyId"] == b["Arn"]
    kit.refused("InvalidCiphertextException", kit.kms.re_encrypt, CiphertextBlob=sealed, DestinationKeyId=b["KeyId"])


def test_data_keys(kit):
    k = kit.key()["KeyId"]
    d = kit.kms.generate_data_key(KeyId=k, KeySpec="AES_128", EncryptionContext={"a": "b"})
    assert len(d["Plaintext"]) == 16
    assert kit.kms.decrypt(CiphertextBlob=d["CiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"] == d["Plaintext"]
    assert len(kit.kms.generate_data_key(KeyId=k, NumberOfBytes=1024)["Plaintext"]) == 1024
    w = kit.kms.generate_data_key_without_plaintext(KeyId=k, KeySpec="AES_256")
    assert "Plaintext" not in w and len(kit.kms.decrypt(CiphertextBlob=w["CiphertextBlob"])["Plaintext"]) == 32
    kit.refused("ValidationException", kit.kms.generate_data_key, KeyId=k, text="Please specify either number of bytes or key spec.")
    kit.refused("ValidationException", kit.kms.generate_data_key, KeyId=k, KeySpec="AES_256", NumberOfBytes=32)
    rsa_key = kit.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyId"]
    kit.refused("InvalidKeyUsageException", kit.kms.generate_data_key, KeyId=rsa_key, KeySpec="AES_256")
    assert len(kit.kms.generate_random(NumberOfBytes=77)["Plaintext"]) == 77
    kit.refused("NotImplemented", kit.kms.generate_random, NumberOfBytes=7, Recipient={"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                                                                                          "AttestationDocument": b"x"})


@pytest.mark.parametrize("spec, kind", [("RSA_2048", rsa.RSAPrivateKey), ("RSA_4096", rsa.RSAPrivateKey), ("ECC_NIST_P256", ec.EllipticCurvePrivateKey),
                                        ("ECC_NIST_P521", ec.EllipticCurvePrivateKey), ("ECC_SECG_P256K1", ec.EllipticCurvePrivateKey),
                                        ("ECC_NIST_EDWARDS25519", ed25519.Ed25519PrivateKey)])
def test_data_key_pairs(kit, spec, kind):
    k = kit.key()["KeyId"]
    pair = kit.kms.generate_data_key_pair(KeyId=k, KeyPairSpec=spec, EncryptionContext={"a": "b"})
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
    assert isinstance(private, kind)
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert private.public_key().public_bytes(*form) == pair["PublicKey"]
    opened = kit.kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext={"a": "b"})
    assert opened["Plaintext"] == pair["PrivateKeyPlaintext"]
    assert "PrivateKeyPlaintext" not in kit.kms.generate_data_key_pair_without_plaintext(KeyId=k, KeyPairSpec=spec)


# ---- RSA ----

@pytest.mark.parametrize("spec", ["RSA_2048", "RSA_3072", "RSA_4096"])
def test_rsa_encryption(kit, spec):
    k = kit.key(KeySpec=spec, KeyUsage="ENCRYPT_DECRYPT")["KeyId"]
    key = public(kit, k)
    assert key.key_size == int(spec[4:])
    for name, digest in (("RSAES_OAEP_SHA_1", hashes.SHA1()), ("RSAES_OAEP_SHA_256", hashes.SHA256())):
        # sealed by another implementation, opened here
        theirs = key.encrypt(b"from outside", padding.OAEP(padding.MGF1(digest), digest, None))
        assert kit.kms.decrypt(KeyId=k, CiphertextBlob=theirs, EncryptionAlgorithm=name)["Plaintext"] == b"from outside"
        ours = kit.kms.encrypt(KeyId=k, Plaintext=b"inside", EncryptionAlgorithm=name)["CiphertextBlob"]
        assert kit.kms.decrypt(KeyId=k, CiphertextBlob=ours, EncryptionAlgorithm=name)["Plaintext"] == b"inside"
        most = key.key_size // 8 - 2 * digest.digest_size - 2
        kit.kms.encrypt(KeyId=k, Plaintext=b"x" * most, EncryptionAlgorithm=name)
        kit.refused("ValidationException", kit.kms.encrypt, KeyId=k, Plaintext=b"x" * (most + 1), EncryptionAlgorithm=name)
    kit.refused("InvalidKeyUsageException", kit.kms.encrypt, KeyId=k, Plaintext=b"x", text="SYMMETRIC_DEFAULT is incompatible with key spec")
    kit.refused("InvalidCiphertextException", kit.kms.decrypt, KeyId=k, CiphertextBlob=b"x" * (key.key_size // 8), EncryptionAlgorithm="RSAES_OAEP_SHA_1")
    kit.refused("InvalidKeyUsageException", kit.kms.sign, KeyId=k, Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256",
                text="key usage is ENCRYPT_DECRYPT which is not valid for Sign.")


def rsa_padding(algorithm, digest):
    return padding.PSS(padding.MGF1(digest), digest.digest_size) if "PSS" in algorithm else padding.PKCS1v15()


def test_rsa_signatures(kit):
    k = kit.key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    key, message = public(kit, k["KeyId"]), os.urandom(1000)
    assert len(k["SigningAlgorithms"]) == 6
    for algorithm in k["SigningAlgorithms"]:
        digest = HASHES[algorithm[-3:]]
        signed = kit.kms.sign(KeyId=k["KeyId"], Message=message, SigningAlgorithm=algorithm)["Signature"]
        key.verify(signed, message, rsa_padding(algorithm, digest), digest)
        hashed = hashlib.new("sha" + algorithm[-3:], message).digest()
        by_digest = kit.kms.sign(KeyId=k["KeyId"], Message=hashed, MessageType="DIGEST", SigningAlgorithm=algorithm)["Signature"]
        key.verify(by_digest, message, rsa_padding(algorithm, digest), digest)
        for how in ({"Message": message}, {"Message": hashed, "MessageType": "DIGEST"}):
            assert kit.kms.verify(KeyId=k["KeyId"], Signature=signed, SigningAlgorithm=algorithm, **how)["SignatureValid"] is True
        kit.refused("KMSInvalidSignatureException", kit.kms.verify, KeyId=k["KeyId"], Message=message + b"!", Signature=signed, SigningAlgorithm=algorithm)
    kit.refused("ValidationException", kit.kms.sign, KeyId=k["KeyId"], Message=b"short", MessageType="DIGEST", SigningAlgorithm="RSASSA_PSS_SHA_256",
                text="Digest is invalid length for algorithm RSASSA_PSS_SHA_256.")
    kit.refused("InvalidKeyUsageException", kit.kms.sign, KeyId=k["KeyId"], Message=b"x", SigningAlgorithm="ECDSA_SHA_256",
                text="Algorithm ECDSA_SHA_256 is incompatible with key spec RSA_2048.")


# ---- elliptic curves ----

@pytest.mark.parametrize("spec, algorithm", [("ECC_NIST_P256", "ECDSA_SHA_256"), ("ECC_NIST_P384", "ECDSA_SHA_384"), ("ECC_NIST_P521", "ECDSA_SHA_512"),
                                             ("ECC_SECG_P256K1", "ECDSA_SHA_256")])
def test_ecdsa(kit, spec, algorithm):
    k = kit.key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyId"]
    key, digest, message = public(kit, k), HASHES[algorithm[-3:]], b"a message"
    hashed = hashlib.new("sha" + algorithm[-3:], message).digest()
    signed = kit.kms.sign(KeyId=k, Message=message, SigningAlgorithm=algorithm)["Signature"]
    key.verify(signed, message, ec.ECDSA(digest))
    by_digest = kit.kms.sign(KeyId=k, Message=hashed, MessageType="DIGEST", SigningAlgorithm=algorithm)["Signature"]
    key.verify(by_digest, hashed, ec.ECDSA(utils.Prehashed(digest)))
    assert kit.kms.verify(KeyId=k, Message=message, Signature=by_digest, SigningAlgorithm=algorithm)["SignatureValid"]
    kit.refused("KMSInvalidSignatureException", kit.kms.verify, KeyId=k, Message=message, Signature=b"nonsense", SigningAlgorithm=algorithm)


def test_ed25519(kit):
    k = kit.key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyId"]
    signed = kit.kms.sign(KeyId=k, Message=b"m", SigningAlgorithm="ED25519_SHA_512")["Signature"]
    public(kit, k).verify(signed, b"m")
    with pytest.raises(InvalidSignature):
        public(kit, k).verify(signed, b"n")
    assert kit.kms.verify(KeyId=k, Message=b"m", Signature=signed, SigningAlgorithm="ED25519_SHA_512")["SignatureValid"]
    kit.refused("NotImplemented", kit.kms.sign, KeyId=k, Message=b"x" * 64, MessageType="DIGEST", SigningAlgorithm="ED25519_PH_SHA_512")


def test_shared_secret(kit):
    k = kit.key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyId"]
    mine = ec.generate_private_key(ec.SECP256R1())
    der = mine.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    derived = kit.kms.derive_shared_secret(KeyId=k, KeyAgreementAlgorithm="ECDH", PublicKey=der)
    assert derived["SharedSecret"] == mine.exchange(ec.ECDH(), public(kit, k))
    other = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    kit.refused("ValidationException", kit.kms.derive_shared_secret, KeyId=k, KeyAgreementAlgorithm="ECDH", PublicKey=other)


@pytest.mark.parametrize("bits", ["224", "256", "384", "512"])
def test_macs(kit, bits):
    k, algorithm = kit.key(KeySpec="HMAC_" + bits, KeyUsage="GENERATE_VERIFY_MAC")["KeyId"], "HMAC_SHA_" + bits
    mac = kit.kms.generate_mac(KeyId=k, Message=b"m", MacAlgorithm=algorithm)["Mac"]
    assert len(mac) == int(bits) // 8 and mac == kit.kms.generate_mac(KeyId=k, Message=b"m", MacAlgorithm=algorithm)["Mac"]
    assert kit.kms.verify_mac(KeyId=k, Message=b"m", Mac=mac, MacAlgorithm=algorithm)["MacValid"] is True
    kit.refused("KMSInvalidMacException", kit.kms.verify_mac, KeyId=k, Message=b"n", Mac=mac, MacAlgorithm=algorithm)
    kit.refused("UnsupportedOperationException", kit.kms.get_public_key, KeyId=k)


# ---- imported material ----

def parameters(kit, k, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    p = kit.kms.get_parameters_for_import(KeyId=k, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)
    return p["ImportToken"], serialization.load_der_public_key(p["PublicKey"])


def oaep(digest):
    return padding.OAEP(padding.MGF1(digest), digest, None)


def bring(kit, k, secret, **more):
    token, key = parameters(kit, k)
    more.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    return kit.kms.import_key_material(KeyId=k, ImportToken=token, EncryptedKeyMaterial=key.encrypt(secret, oaep(hashes.SHA256())), **more)


def test_import_expires(tsubo, kit, eventually):
    k, secret = kit.key(Origin="EXTERNAL")["KeyId"], os.urandom(32)
    assert kit.kms.describe_key(KeyId=k)["KeyMetadata"]["KeyState"] == "PendingImport"
    kit.refused("KMSInvalidStateException", kit.kms.encrypt, KeyId=k, Plaintext=b"x", text="is pending import.")
    now = tsubo.admin("clock")["clock_ms"] / 1000
    until = datetime.datetime.fromtimestamp(now + 3600, datetime.timezone.utc)
    bring(kit, k, secret, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until)
    meta = kit.kms.describe_key(KeyId=k)["KeyMetadata"]
    assert (meta["KeyState"], meta["ExpirationModel"], meta["Origin"]) == ("Enabled", "KEY_MATERIAL_EXPIRES", "EXTERNAL")
    sealed = kit.kms.encrypt(KeyId=k, Plaintext=b"x")["CiphertextBlob"]
    tsubo.turn_clock("+2h")
    kit.refused("KMSInvalidStateException", kit.kms.decrypt, CiphertextBlob=sealed)
    assert kit.kms.describe_key(KeyId=k)["KeyMetadata"]["KeyState"] == "PendingImport"
    kit.refused("IncorrectKeyMaterialException", bring, kit, k, os.urandom(32))  # it must be the same again
    bring(kit, k, secret)
    assert kit.kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    kit.kms.delete_imported_key_material(KeyId=k)
    assert kit.kms.describe_key(KeyId=k)["KeyMetadata"]["KeyState"] == "PendingImport"


def test_import_refusals(tsubo, kit):
    k = kit.key(Origin="EXTERNAL")["KeyId"]
    token, key = parameters(kit, k)
    good = key.encrypt(os.urandom(32), oaep(hashes.SHA256()))
    more = {"KeyId": k, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    kit.refused("InvalidImportTokenException", kit.kms.import_key_material, ImportToken=b"nonsense", EncryptedKeyMaterial=good, **more)
    kit.refused("InvalidCiphertextException", kit.kms.import_key_material, ImportToken=token, EncryptedKeyMaterial=b"x" * 256, **more)
    kit.refused("IncorrectKeyMaterialException", kit.kms.import_key_material, ImportToken=token,
                EncryptedKeyMaterial=key.encrypt(b"short", oaep(hashes.SHA256())), **more)
    kit.refused("ValidationException", kit.kms.import_key_material, KeyId=k, ImportToken=token, EncryptedKeyMaterial=good)
    kit.refused("UnsupportedOperationException", kit.kms.get_parameters_for_import, KeyId=kit.key()["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_1",
                WrappingKeySpec="RSA_2048")
    tsubo.turn_clock("+25h")  # the record is gone, or is found to be too old: either way it is refused
    with pytest.raises(ClientError) as e:
        kit.kms.import_key_material(ImportToken=token, EncryptedKeyMaterial=good, **more)
    assert e.value.response["Error"]["Code"] in ("ExpiredImportTokenException", "InvalidImportTokenException")


def test_import_pair(kit):
    """An RSA private key comes in wrapped by AES, which comes wrapped by RSA (RSA_AES_KEY_WRAP)."""
    k = kit.key(Origin="EXTERNAL", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyId"]
    mine = rsa.generate_private_key(65537, 2048)
    der = mine.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    token, key = parameters(kit, k, "RSA_AES_KEY_WRAP_SHA_256", "RSA_3072")
    kek = os.urandom(32)
    wrapped = key.encrypt(kek, oaep(hashes.SHA256())) + keywrap.aes_key_wrap_with_padding(kek, der)
    kit.kms.import_key_material(KeyId=k, ImportToken=token, EncryptedKeyMaterial=wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    signed = kit.kms.sign(KeyId=k, Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    mine.public_key().verify(signed, b"m", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    kit.refused("ValidationException", kit.kms.get_parameters_for_import, KeyId=k, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")


def test_import_and_rotate(kit):
    k = kit.key(Origin="EXTERNAL")["KeyId"]
    bring(kit, k, os.urandom(32))
    old = kit.kms.encrypt(KeyId=k, Plaintext=b"old")["CiphertextBlob"]
    kit.refused("KMSInvalidStateException", kit.kms.rotate_key_on_demand, KeyId=k)
    bring(kit, k, os.urandom(32), ImportType="NEW_KEY_MATERIAL", KeyMaterialDescription="second")
    states = lambda: [m["KeyMaterialState"] for m in kit.kms.list_key_rotations(KeyId=k, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]]
    assert states() == ["CURRENT", "PENDING_ROTATION"]
    kit.kms.rotate_key_on_demand(KeyId=k)
    assert states() == ["NON_CURRENT", "CURRENT"]
    new = kit.kms.encrypt(KeyId=k, Plaintext=b"new")["CiphertextBlob"]
    assert [kit.kms.decrypt(CiphertextBlob=x)["Plaintext"] for x in (old, new)] == [b"old", b"new"]
