//! Not everybody is root: a user retires a guest of their own `qemu:///session`. If this fails, the
//! program needs rights that it should not need, or writes where a user may not.
//!
//! `tests/private-libvirt` as another user makes a session daemon of that user's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A libvirt session needs a user with a name; nobody has one everywhere.
const NOBODY: &str = "65534";

const STORY: &str = r#"
set -euo pipefail
retire=$1
fail() { echo "FAILED: $*"; exit 1; }
cd "$XDG_DATA_HOME"
qemu-img create -qf qcow2 own.qcow2 8M
mkdir pool
virsh -q pool-define-as default dir --target "$PWD/pool"
virsh -q pool-start default
virsh -q vol-create-as default managed.raw 4M --format raw
cat >web1.xml <<XML
<domain type='qemu'><name>web1</name><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><disk type='file'><driver name='qemu' type='qcow2'/><source file='$PWD/own.qcow2'/><target dev='vda' bus='virtio'/></disk>
<disk type='volume'><source pool='default' volume='managed.raw'/><target dev='vdb' bus='virtio'/></disk></devices></domain>
XML
virsh -q define web1.xml
facts() { virsh dumpxml web1 --inactive; stat -c '%n %i %a %u %s %y' own.qcow2 pool/managed.raw; virsh -q vol-list default; }
before=$(facts)
flags=(--remove-all-storage --yes)
# Who is no root cannot see every process; that is then accepted, and said.
"$retire" plan web1 --remove-all-storage >/dev/null 2>&1 || flags+=(--accept-unseen)
"$retire" undefine web1 "${flags[@]}"
[ -z "$(virsh -q list --all --name)" ] || fail "still defined"
[ ! -e own.qcow2 ] && [ ! -e pool/managed.raw ] || fail "still there"
[ -z "$(virsh -q vol-list default)" ] || fail "still listed"
[ -d "$XDG_STATE_HOME/virt-retire/journal" ] || fail "no journal in XDG_STATE_HOME"
[ -z "$(find "$XDG_STATE_HOME/virt-retire" -type d ! -perm 0700)" ] || fail "open to others"
"$retire" list | grep -q web1 || fail "not listed"
# An empty variable is none; one that is set leads elsewhere, and --state-dir further.
VIRT_RETIRE_STATE_DIR= VIRT_RETIRE_QUARANTINE= "$retire" list | grep -q web1 || fail "an empty \
                                                variable counts"
export VIRT_RETIRE_STATE_DIR="$PWD/elsewhere"
"$retire" list | grep -q web1 && fail "the variable is not read"
"$retire" --state-dir "$XDG_STATE_HOME/virt-retire" list | grep -q web1 || fail "the variable \
 beats the flag"
unset VIRT_RETIRE_STATE_DIR
# Their own configuration, and nobody else's.
mkdir -p "$XDG_CONFIG_HOME/virt-retire"
echo 'wait = 7' >"$XDG_CONFIG_HOME/virt-retire/config.toml"
"$retire" config show | grep -q "^wait .* 7 .*$XDG_CONFIG_HOME" || fail "the configuration is not \
 read"
"$retire" doctor >doctor || fail "not well: $(cat doctor)"
"$retire" rollback 1 --yes
diff <(echo "$before") <(facts) || fail "not the same"
virsh -q start web1
virsh -q destroy web1
# Without a home there is no place for state, and that is said.
status=0
env -u HOME -u XDG_STATE_HOME "$retire" list 2>err || status=$?
[ $status = 1 ] && grep -q -- --state-dir err || fail "exit $status without a home: $(cat err)"
"#;

#[test]
fn a_user_retires_a_guest_of_their_own() {
    let folder = tempfile::Builder::new()
        .prefix("virt-retire-session-")
        .tempdir_in("/var/tmp")
        .unwrap();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), open.clone()).unwrap();
    // Where the checkout lies, that user may not be able to go.
    let put = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        fs::copy(from, &to).unwrap();
        fs::set_permissions(&to, open.clone()).unwrap();
        to
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let private = put(&root.join("tests/private-libvirt"), "private-libvirt");
    let program = put(Path::new(env!("CARGO_BIN_EXE_virt-retire")), "virt-retire");
    let output = Command::new("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
        .arg(private)
        .args(["bash", "-c", STORY, "story"])
        .arg(program)
        .env("HOME", "/var/tmp")
        .env("USER", "nobody")
        .env("TMPDIR", "/var/tmp")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("XDG_STATE_HOME")
        .current_dir("/")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
