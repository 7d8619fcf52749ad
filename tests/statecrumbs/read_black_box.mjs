// Reads a black box as its documentation in _black_box/_format.py says, and nothing else; prints what
// is in it as JSON. The proof that another language can.
import { readFileSync } from "node:fs";

const TABLE = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});
function crc32(start, bytes) {
  let crc = ~start >>> 0;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

function adler32(start, bytes) {
  let a = start & 0xffff;
  let b = start >>> 16;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}
// The offset of the second sequence number, after a payload that ends at `end` of a part at `at`.
const second = (at, end) => at + (end - at - ((end - at) % 8)) + 8;

const file = readFileSync(process.argv[2]);
const magic = Buffer.from([0x89, 0x63, 0x72, 0x75, 0x6d, 0x62, 0x73, 0x0a]);
if (!file.subarray(0, 8).equals(magic)) throw new Error("not a black box");
if (file.readUInt16LE(8) !== 3) throw new Error("another version");
const headerSize = file.readUInt16LE(10);
const slotSize = file.readUInt32LE(12);
const slotCount = file.readUInt32LE(16);
const rowCount = file.readUInt32LE(52);
const rowSize = file.readUInt16LE(56);
const description = file.subarray(128, 128 + file.readUInt16LE(30));
if (file.readUInt32LE(48) !== crc32(0, description)) throw new Error("damaged description");

const rows = [];
for (let row = 0; row < rowCount; row++) {
  const at = headerSize + row * rowSize;
  if (file[at] === 0) continue;
  const sequence = file.readBigUInt64LE(at + 8);
  const end = at + 72 + file.readUInt16LE(at + 2);
  const numbers = second(at, end);
  if (!file.subarray(at + 8, at + 32).equals(file.subarray(numbers, numbers + 24))) continue;
  const traced = file.subarray(at + 32, at + 72).some((byte) => byte);
  const covered = file.subarray(at + (traced ? 32 : 72), end);
  if (file.readUInt32LE(at + 4) !== adler32(Number(sequence & 0xffffffffn), covered)) continue;
  rows.push({
    sequence: Number(sequence),
    parent: Number(file.readBigUInt64LE(at + 16)),
    since: BigInt(Math.trunc(file.readDoubleLE(at + 24) * 1e9)).toString(),
    frame: JSON.parse(file.subarray(at + 72, end).toString("utf-8")),
  });
}
rows.sort((a, b) => a.sequence - b.sequence);

let crumbs = [];
let torn = 0;
for (let slot = 0; slot < slotCount; slot++) {
  const at = headerSize + rowCount * rowSize + slot * slotSize;
  if (at + slotSize > file.length) break; // truncated
  const sequence = file.readBigUInt64LE(at);
  if (sequence === 0n) continue;
  const payload = file.subarray(at + 24, at + 24 + Math.min(file.readUInt16LE(at + 12), slotSize - 33));
  const checksum = adler32(Number(sequence & 0xffffffffn), payload);
  const end = second(at, at + 24 + payload.length);
  if (file.readBigUInt64LE(end) !== sequence || file.readUInt32LE(at + 8) !== checksum) {
    torn += 1;
    continue;
  }
  crumbs.push({
    sequence,
    shortened: file[at + 14] & 1,
    time: file.readBigUInt64LE(at + 16).toString(),
    crumb: JSON.parse(payload.toString("utf-8")),
  });
}
crumbs.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
const newest = crumbs.length ? crumbs.at(-1).sequence : 0n;
crumbs = crumbs.filter(({ sequence }) => sequence > newest - BigInt(slotCount));
console.log(
  JSON.stringify({
    pid: file.readUInt32LE(20),
    parent_pid: file.readUInt32LE(24),
    state: file[28],
    told: file[29],
    started: file.readBigUInt64LE(32).toString(),
    created: file.readBigUInt64LE(40).toString(),
    process: JSON.parse(description.toString("utf-8")),
    rows,
    crumbs: crumbs.map(({ sequence, ...rest }) => ({ sequence: Number(sequence), ...rest })),
    pushed_out: Number(newest) - crumbs.length - torn,
    torn,
  }),
);
