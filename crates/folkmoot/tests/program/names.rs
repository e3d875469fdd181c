//! A small DNS server on loopback that knows what a test tells it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};

type Zone = HashMap<String, Vec<RData>>;

/// The server; it ends when dropped.
pub struct Names {
    /// Where to ask it.
    pub address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    thread: Option<JoinHandle<()>>,
}

impl Names {
    pub fn start() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let zone: Arc<Mutex<Zone>> = Arc::default();
        let known = zone.clone();
        let thread = std::thread::spawn(move || answer(&socket, &known));
        Self {
            address,
            zone,
            thread: Some(thread),
        }
    }

    fn put(&self, name: &str, data: RData) {
        let mut zone = self.zone.lock().unwrap();
        zone.entry(name.to_owned()).or_default().push(data);
    }

    /// Gives a name an address.
    pub fn address(&self, name: &str, address: Ipv4Addr) {
        self.put(name, RData::A(A(address)));
    }

    /// Says which host and port speak for a service.
    pub fn service(&self, name: &str, host: &str, port: u16) {
        let target = Name::from_ascii(format!("{host}.")).unwrap();
        self.put(name, RData::SRV(SRV::new(0, 5, port, target)));
    }

    /// Forgets all about a name.
    pub fn forget(&self, name: &str) {
        self.zone.lock().unwrap().remove(name);
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // An empty packet is the end.
        let own = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        own.send_to(&[], self.address).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(socket: &UdpSocket, zone: &Mutex<Zone>) {
    let mut bytes = [0; 1_500];
    loop {
        let (length, from) = socket.recv_from(&mut bytes).unwrap();
        if length == 0 {
            return;
        }
        let Ok(question) = Message::from_vec(&bytes[..length]) else {
            continue;
        };
        let query = question.queries[0].clone();
        let mut response = Message::response(question.metadata.id, question.metadata.op_code);
        response.metadata.recursion_desired = true;
        response.metadata.recursion_available = true;
        response.add_query(query.clone());
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        match zone.lock().unwrap().get(&name) {
            Some(all) => {
                for data in all.iter().filter(|data| data.record_type() == query.query_type()) {
                    response.add_answer(Record::from_rdata(query.name().clone(), 60, data.clone()));
                }
            }
            None => response.metadata.response_code = ResponseCode::NXDomain,
        }
        socket.send_to(&response.to_vec().unwrap(), from).unwrap();
    }
}
