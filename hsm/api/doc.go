// Package api is the seam of Coffer: what the PKCS #11 bookkeeping above (slots)
// may ask of the module below, whether that is in this process, behind a
// socket, or a cluster. It has no behaviour.
//
// # Keys, callers and operations
//
// A key is named by its ObjectID, the same in every process and on every node;
// handles are the business of slots. Every call says on whose behalf it is made
// (Caller). The module, not its caller, decides what a Caller may see and do.
//
// An operation (Cipher, Signer, Verifier, Digester) is a value made once the key,
// the mechanism and the right to use them have been checked. Used with OneShot
// it has no state anywhere else, so that any node can serve it; Update and Final
// tie it to where it runs.
//
// # Output buffers
//
// Every method with a dst parameter has the contract of PKCS #11 section 5.2:
//
//   - dst == nil asks for the size: the method returns a length that is enough
//     and a nil error, and nothing is consumed.
//   - dst shorter than the output: the method returns the length needed and
//     ck.CKR_BUFFER_TOO_SMALL, and nothing is consumed; the same call with the
//     same input and a larger dst succeeds. An output that fits is never refused,
//     even where the size told for dst == nil is larger.
//   - otherwise it returns the number of bytes written.
//   - any other error ends the operation.
//
// An empty dst that is not nil is a buffer of no bytes, not a question. dst and
// the input are the same memory or do not overlap at all.
package api
