import Foundation
import FuzzTargets
import Testing

/// Every input that a fuzzer once found worth keeping, and every one that was a finding.
struct CorpusTests {
    private static let corpora = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fuzz/Corpus")

    @Test(arguments: FuzzTarget.allCases)
    func `the corpus of a target breaks no invariant`(target: FuzzTarget) throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.corpora.appending(path: target.rawValue), includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files { try Data(contentsOf: file).withUnsafeBytes { target.run($0) } }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `nor do its beginnings, nor its files with one byte changed`(target: FuzzTarget) throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.corpora.appending(path: target.rawValue), includingPropertiesForKeys: nil)
        for file in files {
            var bytes = [UInt8](try Data(contentsOf: file).prefix(64))
            for end in bytes.indices { bytes[..<end].withUnsafeBytes { target.run($0) } }
            for place in bytes.indices {
                bytes[place] ^= 0x80
                bytes.withUnsafeBytes { target.run($0) }
                bytes[place] ^= 0x81
                bytes.withUnsafeBytes { target.run($0) }
                bytes[place] ^= 0x01
            }
        }
    }
}
