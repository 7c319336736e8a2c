package audit

// Act is what was done.
type Act string

// The acts. The text is what stands in the log and in exports: never changed.
const (
	TokenInit  Act = "token.init"       // C_InitToken, a new partition included
	PINSet     Act = "pin.set"          // C_InitPIN
	PINChange  Act = "pin.change"       // C_SetPIN
	PINRecover Act = "pin.recover"      // a new SO PIN with the PIN of a user
	PINLock    Act = "pin.lock"         // a wrong try was the last
	Login      Act = "login"            // C_Login
	Prove      Act = "pin.check"        // a PIN given again, for one operation or one command
	Logout     Act = "logout"           // C_Logout, or the end of the program
	UserCreate Act = "user.create"      //
	UserDelete Act = "user.delete"      //
	UserUnlock Act = "user.unlock"      //
	PolicySet  Act = "policy.set"       //
	RotateKeys Act = "keys.rotate"      // partition keys
	RotateRoot Act = "root.rotate"      // the root key, or what seals it
	Backup     Act = "backup"           // a copy was handed out, sealed for others
	Restore    Act = "restore"          // the partition came out of a backup
	Repair     Act = "repair"           // damaged things were moved aside
	Import     Act = "import"           // objects from elsewhere, each of which has its own record
	ConfigSet  Act = "audit.config"     // uses on or off
	Accept     Act = "audit.accept"     // the SO accepted a log and a store that do not fit
	AcceptTry  Act = "audit.accept-try" // somebody gives an SO PIN for that
	Create     Act = "object.create"
	Generate   Act = "object.generate"
	Unwrap     Act = "object.unwrap"
	Derive     Act = "object.derive"
	Agree      Act = "object.agree" // C_EncapsulateKey, C_DecapsulateKey
	Copy       Act = "object.copy"
	Modify     Act = "object.modify"
	Destroy    Act = "object.destroy"
	Wrap       Act = "object.wrap" // a key went out, encrypted

	HomeCreate      Act = "home.create" // these are of the home's log
	PartitionCreate Act = "partition.create"
	PartitionDelete Act = "partition.delete"
	SealAdd         Act = "seal.add"
	SealRemove      Act = "seal.remove"
	SealRekey       Act = "seal.rekey"
	SealUnlock      Act = "seal.unlock" // the root key was put where programs find it
	SealLock        Act = "seal.lock"

	Head     Act = "audit.head"   // of a partition's log, as the home is anchored
	Anchored Act = "audit.anchor" // the home was bound to a counter outside of it

	LogBegin Act = "log.begin" // of a home that had no log
	LogCut   Act = "log.cut"   // a torn end was moved to `torn`
	UseBegin Act = "use.begin" // a process begins to record uses
	UseEnd   Act = "use.end"

	Sign          Act = "use.sign"
	Verification  Act = "use.verify"
	Encrypt       Act = "use.encrypt"
	Decrypt       Act = "use.decrypt"
	SignRecover   Act = "use.sign-recover"
	VerifyRecover Act = "use.verify-recover"
	UseWrap       Act = "use.wrap"
	UseUnwrap     Act = "use.unwrap"
	UseDerive     Act = "use.derive"
	Encapsulate   Act = "use.encapsulate"
	Decapsulate   Act = "use.decapsulate"
)
