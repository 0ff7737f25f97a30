import { expect, test } from 'vitest';
import { contactAt, namesInContact } from '../../src/engine/own-contact.ts';

test.each([
  ['<sip:101@198.51.100.1:5060>', '<sip:101@192.0.2.9:5070>'],
  ['<sip:198.51.100.1;transport=tcp>', '<sip:192.0.2.9:5070;transport=tcp>'],
  ['<sips:a%40b@[2001:db8::1]:5061;ob>;+sip.instance="x"', '<sips:a%40b@192.0.2.9:5070;ob>;+sip.instance="x"'],
])('%s names another place, and is otherwise the same', (contact, moved) => {
  expect(contactAt(contact, { host: '192.0.2.9', port: 5070 })).toBe(moved);
});

test('a Contact names a place by host and port', () => {
  const place = { host: '198.51.100.1', port: 5060 };
  expect(namesInContact('<sip:101@198.51.100.1:5060>', place)).toBe(true);
  expect(namesInContact('<sip:101@198.51.100.1:5061>', place)).toBe(false);
  expect(namesInContact('<sip:101@pbx.example.com>', place)).toBe(false);
});
