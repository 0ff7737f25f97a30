import { expect, test } from 'vitest';
import { contentForPhone, octets, readWritten } from '../../src/messages/phone-content.ts';

const content = (value: object) => ({ kind: 'content', content: value });

test.each([
  ['text/plain', 'hello', content({ type: 'text', text: 'hello' })],
  ['TEXT/Plain ; charset="UTF-8"', octets('Grüße'), content({ type: 'text', text: 'Grüße' })],
  ['text/plain;charset=iso-8859-1', 'Gr\u00fc\u00dfe', content({ type: 'text', text: 'Grüße' })],
  ['text/plain;charset=no-such', octets('ü'), content({ type: 'text', text: 'ü' })],
  ['text/plain', '', { kind: 'nothing' }],
  ['text/plain', 'x'.repeat(4097), { kind: 'too-long' }],
  ['application/im-iscomposing+xml', '<isComposing/>', { kind: 'nothing' }],
  ['image/png', 'png', { kind: 'file', media: 'image', mimeType: 'image/png', body: 'png' }],
  ['image/png', '', { kind: 'unsupported', contentType: 'image/png' }],
  [
    'message/external-body; access-type="URL"; URL="https://a.example/b.jpg"',
    'Content-Type: image/jpeg\r\n\r\n',
    content({ type: 'media', kind: 'image', link: 'https://a.example/b.jpg', mimeType: 'image/jpeg' }),
  ],
  ['message/external-body; access-type=URL; URL="file:///etc/passwd"', '', { kind: 'unsupported' }],
  ['message/external-body; access-type=anon-ftp; URL="https://a.example/b"', '', { kind: 'unsupported' }],
  ['message/cpim', 'no CPIM', { kind: 'unsupported' }],
  ['application/sdp', 'v=0', { kind: 'unsupported', contentType: 'application/sdp' }],
])('%s %j', (type, body, wanted) => expect(readWritten(type, body)).toMatchObject(wanted));

test("linphone's and RCS's file transfer names the file at its server", () => {
  const xml = `<?xml version="1.0"?><file xmlns="urn:gsma:params:xml:ns:rcs:rcs:fthttp"><file-info type="thumbnail"><data url="https://f.example/t"/></file-info><file-info type="file"><file-size>5</file-size><file-name>${octets('Plän.pdf')}</file-name><content-type>application/pdf</content-type><data url="https://f.example/a?b=1&amp;c=2" until="2026-12-01T00:00:00Z"/></file-info></file>`;
  expect(readWritten('application/vnd.gsma.rcs-ft-http+xml', xml)).toMatchObject(
    content({ type: 'media', kind: 'document', link: 'https://f.example/a?b=1&c=2', filename: 'Plän.pdf' }),
  );
});

test('CPIM (RFC 3862): what is in it, and what its sender wants to be told (RFC 5438), whatever it calls the namespace', () => {
  const cpim = (ns: string, lines: readonly string[]) =>
    [
      'From: <sip:a@b>',
      `NS: ${ns} <urn:ietf:params:imdn>`,
      ...lines,
      '',
      'Content-Type: text/plain',
      '',
      'hi\r\nthere',
    ].join('\r\n');
  const asked = ['imdn.Message-ID: m-1', 'imdn.Disposition-Notification: positive-delivery, display'];
  expect(readWritten('message/cpim', cpim('imdn', asked))).toEqual({
    ...content({ type: 'text', text: 'hi\r\nthere' }),
    wish: { messageId: 'm-1', cpim: true, delivery: true, display: true },
  });
  const other = ['x.Message-ID: m-2', 'x.Disposition-Notification: negative-delivery'];
  expect(readWritten('message/cpim', cpim('x', other))).toMatchObject({
    wish: { messageId: 'm-2', delivery: true, display: false },
  });
  expect(readWritten('message/cpim', cpim('imdn', []))).toMatchObject({ wish: undefined });
});

test('a report is one alone and in CPIM', () => {
  const xml =
    '<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>m&amp;1</message-id><display-notification><status><displayed/></status></display-notification></imdn>';
  const report = { kind: 'report', report: { messageId: 'm&1', outcome: 'displayed' } };
  expect(readWritten('message/imdn+xml', xml)).toEqual(report);
  expect(readWritten('message/cpim', `From: <sip:a@b>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n${xml}`)).toEqual(
    report,
  );
  expect(readWritten('message/imdn+xml', '<imdn/>')).toEqual({ kind: 'nothing' });
});

test('a file is shown as external body first and as words that every phone shows last', () => {
  const file = { type: 'media', kind: 'image', mediaId: '9', mimeType: 'image/png', caption: 'Our\r\nhouse' } as const;
  const forms = contentForPhone(file, (id) => `https://pbx.example/media/${id}`);
  expect(forms.map(({ contentType }) => contentType)).toEqual([
    'message/external-body; access-type=URL; URL="https://pbx.example/media/9"',
    'text/plain;charset=utf-8',
  ]);
  expect(forms[0]?.body).toBe('Content-Type: image/png\r\nContent-Description: Our house\r\n\r\n');
  expect(forms[1]?.body).toBe('Our\r\nhouse\nhttps://pbx.example/media/9');
  // Where nobody reaches files, it is said that there is one.
  expect(contentForPhone({ ...file, caption: 'x' }, () => undefined)).toEqual([
    { contentType: 'text/plain;charset=utf-8', body: 'x\n[image]' },
  ]);
});

test('a file type that a sender names cannot end the header of its message', () => {
  const file = { type: 'media', kind: 'image', mediaId: '9', mimeType: 'image/png\r\nX: y', caption: 'c' } as const;
  for (const { body, contentType } of contentForPhone(file, () => 'https://pbx.example/m')) {
    expect(contentType).not.toMatch(/[\r\n]/);
    expect(body).not.toContain('\r\nX: y');
  }
});
