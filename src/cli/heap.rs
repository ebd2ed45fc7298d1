//! The heap of a server in huge pages.
//!
//! A packet to a hundred receivers touches the state of each, which lies on as many pages: more than a core's table of
//! addresses holds, and behind a hypervisor each miss is looked up twice. In pages of 2 MiB the server's own code takes
//! 9 % less for a packet (`benches/README.md`). The GNU C library asks the kernel for them when it is told so, which it
//! only can be before a program begins, and only in its first arena; so the server starts itself once more. Where that
//! fails, or with another C library, it runs as it is.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable that the GNU C library reads at a program's start.
pub const VARIABLE: &str = "GLIBC_TUNABLES";
/// What a server's heap is told: huge pages by madvise(2), and one arena.
pub const TUNABLES: &str = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1";

/// Starts this program anew with its heap in huge pages, unless it was started so, or otherwise on purpose.
pub fn in_huge_pages() {
    let Some(tunables) = with_huge_pages(std::env::var_os(VARIABLE)) else { return };
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut anew = Command::new(program);
    if let Some(name) = arguments.next() {
        anew.arg0(name);
    }
    // Comes back only where it could not be done.
    let _ = anew.args(arguments).env(VARIABLE, tunables).exec();
}

/// The variable's new value; `None` where somebody has already said something of huge pages.
fn with_huge_pages(given: Option<OsString>) -> Option<OsString> {
    let Some(mut all) = given.filter(|given| !given.is_empty()) else { return Some(TUNABLES.into()) };
    let says = |text: &OsStr| text.to_string_lossy().contains("glibc.malloc.hugetlb");
    if says(&all) {
        return None;
    }
    all.push(":");
    all.push(TUNABLES);
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_said_stays() {
        assert_eq!(with_huge_pages(None), Some(TUNABLES.into()));
        assert_eq!(with_huge_pages(Some("".into())), Some(TUNABLES.into()));
        let own = "glibc.malloc.check=1";
        assert_eq!(with_huge_pages(Some(own.into())), Some(format!("{own}:{TUNABLES}").into()));
        assert_eq!(with_huge_pages(Some(TUNABLES.into())), None, "started once");
        assert_eq!(with_huge_pages(Some("glibc.malloc.hugetlb=0".into())), None);
    }
}
