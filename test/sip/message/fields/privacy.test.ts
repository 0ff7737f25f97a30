import { formatPrivacy, parsePrivacy } from '../../../../src/sip/message/fields/privacy.ts';
import { describeField } from '../field-suite.ts';

describeField('Privacy (RFC 3323 §4.2, RFC 3325 §9.3)', {
  parse: parsePrivacy,
  format: formatPrivacy,
  table: [
    ['id', ['id']],
    ['ID; user ;critical', ['id', 'user', 'critical'], 'id;user;critical'],
    ['header, user', ['header', 'user'], 'header;user'],
  ],
  rejects: ['', ';', 'id;', 'id user', '"id"'],
});
