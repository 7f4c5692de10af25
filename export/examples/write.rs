//! Writes a network of a text file with first weights as QONNX: `write GRAPH SEED FILE`.
use firebrick_core::graph::Graph;
use firebrick_core::weights::Weights;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let graph: Graph = std::fs::read_to_string(&args[1]).unwrap().parse().unwrap();
    let weights = Weights::init(&graph, args[2].parse().unwrap());
    match firebrick_export::to_qonnx(&graph, &weights) {
        Ok(bytes) => std::fs::write(&args[3], bytes).unwrap(),
        Err(error) => println!("{error} {:?}", error.hint()),
    }
    if let Some(rows) = args.get(4) {
        let rows: Vec<f32> = std::fs::read_to_string(rows)
            .unwrap()
            .split_whitespace()
            .map(|x| x.parse().unwrap())
            .collect();
        let net = firebrick_export::IntegerNetwork::of(&graph, &weights).unwrap();
        eprintln!("bits {}", net.bits_max());
        for y in net.forward(&rows) {
            println!("{y:?}");
        }
    }
}
