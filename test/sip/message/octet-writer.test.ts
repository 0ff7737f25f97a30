import { expect, test } from 'vitest';
import { OctetWriter } from '../../../src/sip/message/octet-writer.ts';

function written(...parts: string[]): OctetWriter {
  const writer = new OctetWriter();
  for (const part of parts) writer.put(part);
  return writer;
}

const ALL_OCTETS = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet)).join('');

test('parts of any octets and any length stand one behind the other', () => {
  const parts = ['', 'a', 'b'.repeat(12), 'c'.repeat(13), ALL_OCTETS, `${ALL_OCTETS}${'d'.repeat(5)}`.slice(3)];
  const writer = written(...parts);
  writer.putOctets(': ');
  expect(writer.text()).toBe(`${parts.join('')}: `);
  expect(writer.isOctets).toBe(true);
});

test.each(['\u0100', '\u010a', '\ud800', `${'a'.repeat(40)}\u0151`])('%j is told to be no octets', (text) => {
  expect(written('before', text, 'behind').isOctets).toBe(false);
});

test('more than there is room for is kept, and so is what stood before it', () => {
  const long = ALL_OCTETS.repeat(1000);
  const writer = written('before', long, 'a', long);
  expect(writer.text()).toBe(`before${long}a${long}`);
});

test('what begins anew knows nothing of what was written before', () => {
  const writer = written(ALL_OCTETS.repeat(1000), '\u0151');
  writer.begin();
  writer.put('a');
  expect([writer.text(), writer.isOctets, writer.length]).toEqual(['a', true, 1]);
});
