import { formatTokenList, parseTokenList } from '../../../../src/sip/message/fields/token-list.ts';
import { describeField } from '../field-suite.ts';

describeField('token lists: Require, Supported, Allow … (RFC 3261 §20.5, §20.32, §20.37)', {
  parse: (text) => parseTokenList(text, 'Supported'),
  format: formatTokenList,
  table: [
    ['', []],
    ['100rel', ['100rel']],
    ['replaces,100rel ,  timer', ['replaces', '100rel', 'timer'], 'replaces, 100rel, timer'],
    ['INVITE, ACK,, BYE', ['INVITE', 'ACK', 'BYE'], 'INVITE, ACK, BYE'],
    ['__proto__', ['__proto__']],
  ],
  rejects: ['100 rel', 'a;b', '"timer"', 'a, <b>', 'tim\u00e9r'],
});
