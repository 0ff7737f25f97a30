import { expect, test } from 'vitest';
import { subscriberNumber } from '../../../src/sip/message/index.ts';
import { parseUri } from '../../../src/sip/message/uri.ts';

test.each([
  ['sip:2079460001;phone-context=+44@carrier.example;user=phone', '+442079460001'],
  ['sip:2079460001@carrier.example;user=phone;phone-context=+44', '+442079460001'],
  ['sip:bob@carrier.example;phone-context=+44', 'bob'],
  ['tel:2079460001;phone-context=+44', '+442079460001'],
  ['tel:207-946-0001;phone-context=+4-4', '+442079460001'],
  ['sip:5550100;phone-context=+1415@carrier.example', '+14155550100'],
  ['sip:4155550100;npdi;Phone-Context=%2B1@carrier.example', '+14155550100'],
])('RFC 3966 §5.1.5: the local number of %s is %s', (uri, number) => {
  expect(subscriberNumber(parseUri(uri))).toBe(number);
});

test.each([
  ['sip:14155550100@carrier.example', '14155550100'],
  ['sip:+14155550100;npdi;rn=+14155559999@carrier.example', '+14155550100'],
  ['tel:+1-415-555-0100;isub=5', '+1-415-555-0100'],
  ['sip:alice@carrier.example', 'alice'],
  ['sip:%2B1415;x@carrier.example', '+1415'],
  ['sip:carrier.example', ''],
  ['http://carrier.example', ''],
  // A context that is a domain, or no context.
  ['tel:2079460001;phone-context=carrier.example', '2079460001'],
  ['tel:2079460001;phone-context=+', '2079460001'],
  // Global already, service numbers, with a trunk prefix, too long, no number.
  ['tel:+14155550100;phone-context=+1', '+14155550100'],
  ['sip:14155550100;phone-context=+1@carrier.example', '14155550100'],
  ['tel:911;phone-context=+1', '911'],
  ['tel:116117;phone-context=+49', '116117'],
  ['tel:02079460001;phone-context=+44', '02079460001'],
  ['tel:1234567890123;phone-context=+441', '1234567890123'],
  ['sip:anonymous;phone-context=+44@carrier.example', 'anonymous'],
])('the number or name of %s is %j', (uri, number) => {
  expect(subscriberNumber(parseUri(uri))).toBe(number);
});
