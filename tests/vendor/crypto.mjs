// Opens encrypted frames as they were on the wire, independently of the clients and of the emulator.
import { createDecipheriv } from 'node:crypto';

const HEADER = 4;
const CRC = 4;

export function openFrame(key, iv, ciphertext) {
  const decipher = createDecipheriv('aes-128-cbc', key, iv ?? Buffer.alloc(16)).setAutoPadding(false);
  const frame = Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  const length = frame.readUInt16BE(2);
  const crcAt = frame.length - CRC;
  return {
    id: frame.readUInt16BE(0),
    payload: frame.subarray(HEADER, HEADER + length),
    intact: length <= crcAt - HEADER && frame.readUInt32BE(crcAt) === crc32Mpeg2(frame.subarray(0, crcAt)),
  };
}

function crc32Mpeg2(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}
