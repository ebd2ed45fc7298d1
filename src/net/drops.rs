//! Datagrams that came to a port and found no room: the kernel counts them for each socket, and whoever reads too late never
//! learns of them otherwise.

/// What the kernel tells of UDP sockets (proc(5), `/proc/net/udp`).
const TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// How many were dropped at each of these ports, in their order, all sockets of a port together, whoever has them. What cannot be read is nothing.
pub fn at_ports(ports: &[u16]) -> Vec<u64> {
    let tables: Vec<String> = TABLES.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let rows = || tables.iter().flat_map(|table| table.lines()).filter_map(row);
    ports.iter().map(|port| rows().filter(|(at, _)| at == port).map(|(_, drops)| drops).sum()).collect()
}

/// Local port and drops of a row: the second field, in hexadecimal after the address, and the last.
fn row(line: &str) -> Option<(u16, u64)> {
    let mut fields = line.split_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    Some((u16::from_str_radix(port, 16).ok()?, fields.next_back()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_row_tells_its_port_and_its_drops() {
        let line = "  421: 0100007F:1EA2 00000000:0000 07 00000000:0000A500 00:00000000 00000000  1000        0 55512 2 00000000f7 1204";
        assert_eq!(row(line), Some((7_842, 1_204)));
        for not_one in ["   sl  local_address rem_address   st tx_queue rx_queue ref pointer drops", "", "1: 2"] {
            assert_eq!(row(not_one), None);
        }
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let to = socket.local_addr().expect("address");
        let quiet = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let at_rest = quiet.local_addr().expect("address").port();
        // More than any system gives a socket for nothing: 16 MiB.
        for _ in 0..16_384 {
            quiet.send_to(&[0; 1_024], to).expect("sent");
        }
        let drops = at_ports(&[to.port(), at_rest]);
        assert!(drops[0] > 0 && drops[1] == 0, "{drops:?}");
    }
}
