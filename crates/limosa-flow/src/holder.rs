//! The name by which a process holds a lease, and whether a named one is gone.

/// This process among all that may hold the lease: host, process number, the numbering that it is of,
/// and a part that tells two lives of one process number apart.
pub(crate) fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|h| h.trim().to_owned())
        .filter(|h| !h.is_empty())
        .unwrap_or_else(|| "localhost".into());
    format!(
        "{host}:{}:{}:{:08x}",
        std::process::id(),
        numbering(),
        rand::random::<u32>()
    )
}

/// The kernel's name of the space in which process numbers are given here, so that the numbers of two
/// containers are never taken for each other; empty where the kernel has no such name.
fn numbering() -> String {
    std::fs::read_link("/proc/self/ns/pid").map_or(String::new(), |link| {
        link.to_string_lossy()
            .chars()
            .filter(char::is_ascii_digit)
            .collect()
    })
}

/// Whether `holder` was a process of this machine that is surely gone.
pub(crate) fn dead(holder: &str) -> bool {
    let own = name();
    let mut there = holder.rsplit(':');
    let mut here = own.rsplit(':');
    let (_, _) = (there.next(), here.next());
    let (space, own_space) = (there.next(), here.next());
    let (number, _) = (there.next(), here.next());
    let same_host = there.eq(here);
    let Some(number) = number.and_then(|n| n.parse::<u32>().ok()) else {
        return false;
    };
    same_host
        && space == own_space
        && space.is_some_and(|s| !s.is_empty())
        && !std::path::Path::new(&format!("/proc/{number}")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_that_is_gone_is_dead() {
        let own = name();
        assert!(!dead(&own), "it lives");
        let mut parts: Vec<String> = own.rsplitn(4, ':').map(Into::into).collect();
        parts.reverse();
        // Above the greatest process number that Linux gives.
        let gone = format!("{}:4999999:{}:{}", parts[0], parts[2], parts[3]);
        assert_eq!(dead(&gone), !parts[2].is_empty());
        assert!(!dead(&format!(
            "elsewhere:4999999:{}:{}",
            parts[2], parts[3]
        )));
        assert!(!dead(&format!("{}:4999999:1:{}", parts[0], parts[3])));
        assert!(!dead("worker"));
    }
}
