#!/bin/sh
# make.sh BUILD: makes a token like that of this directory, into ./new, with the SoftHSM2
# that was built in the directory BUILD (README.md).
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
module=$build/src/lib/.libs/libsofthsm2.so
util="$build/src/bin/util/softhsm2-util --module $module"

mkdir -p new/tokens
cd new
export SOFTHSM2_CONF=$PWD/softhsm2.conf
printf 'directories.tokendir = %s\nobjectstore.backend = db\n' "$PWD/tokens" >"$SOFTHSM2_CONF"
tool() { pkcs11-tool --module "$module" --token-label "db token" --login --pin 1234 "$@"; }

$util --init-token --free --label "db token" --so-pin 12345678 --pin 1234
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ec.key
openssl genpkey -algorithm ED25519 -out ed.key
for k in rsa:01 ec:02 ed:03; do
	name=${k%:*}
	$util --import "$name.key" --token "db token" --label "$name" --id "${k#*:}" --pin 1234
	openssl pkey -in "$name.key" -pubout -out "$name.pub"
done
for k in RSA:2048=rsa2:11 EC:prime256v1=ec2:12 EC:edwards25519=ed2:13; do
	id=${k##*:}
	name=${k#*=} name=${name%:*}
	tool --keypairgen --key-type "${k%=*}" --label "$name" --id "$id"
	tool --read-object --type pubkey --label "$name" --output-file "$name.spki"
	openssl pkey -pubin -in "$name.spki" -pubout -out "$name.pub"
done
tool --keygen --key-type AES:32 --label aes --id 04 --sensitive --private
tool --keygen --key-type GENERIC:20 --label generic --id 05 --extractable --private
openssl req -x509 -key rsa.key -subj "/CN=db token" -days 9999 -outform DER -out crt.der
tool --write-object crt.der --type cert --label crt --id 01

cc -Wall -I/usr/include/p11-kit-1 -o make "$here/make.c" -ldl
./make "$module" 1234
