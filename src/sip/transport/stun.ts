import { parseAddress } from '../../base/network.ts';

const BINDING_REQUEST = 0x0001;
const BINDING_RESPONSE = 0x0101;
const XOR_MAPPED_ADDRESS = 0x0020;
const MAGIC_COOKIE = 0x2112a442;
const HEAD_OCTETS = 20;

/**
 * The answer to a STUN Binding Request (RFC 5389), by which phones keep a flow over UDP open and see whether it is still the same (RFC
 * 5626 §4.4.2, §8): where the request came from. Undefined for what is none.
 */
export function bindingResponse(octets: Buffer, address: string, port: number): Buffer | undefined {
  if (octets.length < HEAD_OCTETS || octets.readUInt16BE(0) !== BINDING_REQUEST) return undefined;
  const isStun = octets.readUInt16BE(2) === octets.length - HEAD_OCTETS && octets.readUInt32BE(4) === MAGIC_COOKIE;
  const words = isStun ? parseAddress(address) : undefined;
  if (words === undefined) return undefined;
  const valueOctets = 4 + 4 * words.length;
  const answer = Buffer.alloc(HEAD_OCTETS + 4 + valueOctets);
  answer.writeUInt16BE(BINDING_RESPONSE, 0);
  answer.writeUInt16BE(4 + valueOctets, 2);
  // The cookie and the transaction; by these words the address is hidden from gateways that rewrite what looks like one (RFC 5389 §15.2).
  octets.copy(answer, 4, 4, HEAD_OCTETS);
  answer.writeUInt16BE(XOR_MAPPED_ADDRESS, HEAD_OCTETS);
  answer.writeUInt16BE(valueOctets, HEAD_OCTETS + 2);
  answer.writeUInt8(words.length === 1 ? 1 : 2, HEAD_OCTETS + 5);
  answer.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), HEAD_OCTETS + 6);
  for (const [index, word] of words.entries())
    answer.writeUInt32BE((word ^ octets.readUInt32BE(4 + 4 * index)) >>> 0, HEAD_OCTETS + 8 + 4 * index);
  return answer;
}
