import { beforeEach, describe, expect, test } from 'vitest';
import { ask, CANARY } from './kit.ts';
import { apiOfAll } from './served.ts';

const world = apiOfAll();
let undo: () => void;
beforeEach(() => {
  undo?.();
  undo = world.provisioning.snapshot();
});

const URL = '/api/v1/tenants/acme/csv';
const send = (file: string | Buffer, query = '', kind = 'extensions', token = world.tokens.acme) =>
  ask(world, token, 'POST', `${URL}/${kind}${query}`, file, { 'content-type': 'text/csv' });
const get = (path: string) => ask(world, world.tokens.acme, 'GET', `/api/v1/tenants/acme/${path}`);

describe('export', () => {
  test('extensions as they are, without passwords, guarded against formulas, with a mark for spreadsheets', async () => {
    await ask(world, world.tokens.acme, 'PATCH', '/api/v1/tenants/acme/extensions/102', {
      name: '=HYPERLINK("http://x","y")',
      forward: { busy: '+44 20 7946 0000' },
      trustedAddresses: ['192.0.2.1', '192.0.2.2'],
    });
    const { status, text, headers } = await ask(
      world,
      world.tokens.acme,
      'GET',
      `${URL}/extensions?separator=semicolon`,
    );
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(headers['content-disposition']).toBe('attachment; filename="acme-extensions.csv"');
    const [head, first, second] = text.split('\r\n');
    expect(head).toMatch(/^\ufeffnumber;name;enabled;password;outboundCallerId;/);
    expect(first).toMatch(/^101;One;true;;14155550100;/);
    expect(second).toContain(`102;"'=HYPERLINK(""http://x"",""y"")"`);
    expect(second).toContain(`'+44 20 7946 0000`);
    expect(text).not.toContain(CANARY);
  });

  test('what was exported is imported again without any change', async () => {
    for (const kind of ['extensions', 'dids'] as const) {
      const { text } = await ask(world, world.tokens.acme, 'GET', `${URL}/${kind}`);
      const { status, body } = await send(text, '', kind);
      expect([status, body.applied, body.refused]).toEqual([200, false, 0]);
      expect(body.unchanged).toBe(kind === 'extensions' ? 2 : 1);
    }
  });
});

describe('import', () => {
  test.each([
    ['too-many-rows', `number\n${'x\n'.repeat(200_001)}`],
    ['too-many-rows', `number\n${'"x"y\n'.repeat(200_001)}`],
    ['too-many-rows', `number\n${'\n'.repeat(200_001)}`],
    ['too-many-columns', `number${',x'.repeat(1_000)}\n101`],
  ])('of what no list is nothing is looked at: %s', async (code, file) => {
    const { status, body } = await send(file);
    expect([status, body.code]).toEqual([413, code]);
    expect(JSON.stringify(body).length).toBeLessThan(500);
  });

  test('a new number is added, a known one changed; missing columns stay, empty cells are taken away, passwords stay', async () => {
    await send('number,forward.busy\n101,102');
    const { status, body } = await send(
      'Number , NAME,outboundCallerId,password\r\n101,Uno,,\r\n170,Siebzig,,s3cret-170\r\n',
    );
    expect([status, body]).toMatchObject([200, { applied: true, created: 1, updated: 1, rows: 2 }]);
    const one = (await get('extensions/101')).body;
    expect(one).toMatchObject({ name: 'Uno', passwordSet: true, forward: { busy: '102' } });
    expect(one.outboundCallerId).toBeUndefined();
    expect((await get('extensions/170')).body).toMatchObject({ name: 'Siebzig', passwordSet: true });
  });

  test('as a German spreadsheet saves it: semicolons, Windows-1252, WAHR and FALSCH', async () => {
    const file = Buffer.from(
      'number;name;enabled\r\n171;J\u00fcrgen;WAHR\r\n172;"M\u00fcller; K\u00e4the";FALSCH\r\n',
      'latin1',
    );
    const { body } = await send(file);
    expect(body).toMatchObject({ applied: true, created: 2, encoding: 'windows-1252', separator: ';' });
    expect((await get('extensions/172')).body).toMatchObject({ name: 'Müller; Käthe', enabled: false });
  });

  test('a preview names every line at fault, by column, and changes nothing; so does an import, all or nothing', async () => {
    const file = [
      'number,name,outboundCallerId,forward.noAnswerSeconds',
      '180,Good,,',
      '18x,Bad number,,',
      '181,Bad seconds,,soon',
      '182,Foreign,4930123,',
      '180,Twice,,',
      '183,"open,,',
    ].join('\n');
    const preview = await send(file, '?preview=true');
    expect(preview.body).toMatchObject({ applied: false, created: 1, refused: 5, rows: 6 });
    expect(preview.body.faults.map(({ row, path }: { row: number; path: string }) => [row, path])).toEqual([
      [3, 'number'],
      [4, 'forward.noAnswerSeconds'],
      [5, 'outboundCallerId'],
      [6, 'number'],
      [7, ''],
    ]);
    const refused = await send(file);
    expect([refused.status, refused.body.code]).toEqual([422, 'rows-refused']);
    expect(refused.body.errors[0].path).toBe('rows[3].number');
    expect((await get('extensions/180')).status).toBe(404);
    const skipped = await send(file, '?onFault=skip');
    expect(skipped.body).toMatchObject({ applied: true, created: 1, refused: 5 });
    expect((await get('extensions/180')).body.name).toBe('Good');
  });

  test('what is there is not changed where that is asked for, nor what another change has just made', async () => {
    const refused = await send('number,name,password\n170,New,s3cret-170\n101,Other,s3cret-101\n', '?onPresent=refuse');
    expect([refused.status, refused.body.code, refused.body.errors]).toEqual([
      422,
      'rows-refused',
      [{ code: 'exists', path: 'rows[3].number', message: 'extension 101 exists already' }],
    ]);
    expect((await get('extensions/170')).status).toBe(404);
    const one = send('number,name\n170,Ours\n', '?onPresent=refuse');
    const other = send('number,name\n170,Theirs\n', '?onPresent=refuse', 'extensions', world.tokens.system);
    const answers = await Promise.all([one, other]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
    expect((await get('extensions/170')).body.name).toBe(answers[0]?.status === 200 ? 'Ours' : 'Theirs');
    const skipped = await send('number,name\n170,Mine\n171,Mine\n', '?onPresent=refuse&onFault=skip');
    expect(skipped.body).toMatchObject({
      created: 1,
      updated: 0,
      refused: 1,
      faults: [{ key: '170', code: 'exists' }],
    });
    const dids = await send('did,trunk,destination\n14155550100,carrier,102\n', '?onPresent=refuse', 'dids');
    expect(dids.body.errors).toMatchObject([{ code: 'exists', path: 'rows[2].name' }]);
  });

  test('a number that a service has is a fault of its line', async () => {
    const file = 'number,name\n170,New\n600,Desk\n';
    const refused = await send(file);
    expect([refused.status, refused.body.code, refused.body.errors[0].path]).toEqual([
      422,
      'rows-refused',
      'rows[3].number',
    ]);
    const skipped = await send(file, '?onFault=skip');
    expect(skipped.body).toMatchObject({ applied: true, created: 1, refused: 1 });
    expect(skipped.body.faults[0].message).toBe('600 is already the number of the service "Desk"');
  });

  test('a row goes as far as the header does; columns without a title are for the reader', async () => {
    const { body } = await send('number,,name\n101,note,Uno,,\n102,note,Dos,,x\n', '?preview=true');
    expect(body).toMatchObject({ updated: 1, refused: 1, columns: ['number', 'name'] });
    expect(body.faults[0]).toMatchObject({ row: 3, message: 'has 5 cells where the header has 3' });
  });

  test('unknown and doubled columns, a missing key and a file without a header are refused as a whole', async () => {
    const told = async (file: string) =>
      (await send(file, '?preview=true')).body.errors?.map(({ code }: { code: string }) => code);
    expect(await told('number,colour\n1,2')).toEqual(['unknown-column']);
    expect(await told('number,name,Name\n1,2,3')).toEqual(['column-twice']);
    expect(await told('name\nOne')).toEqual(['no-key']);
    expect(await told('\n\n')).toEqual(['no-header']);
    expect(await told('"number"x,name\n1,2')).toEqual(['malformed-csv']);
    const json = await ask(world, world.tokens.acme, 'POST', `${URL}/extensions`, { number: '1' });
    expect(json.status).toBe(415);
  });

  test('DIDs: a rule a line, called like its DID where the file says nothing else; another tenant’s numbers are no line’s', async () => {
    const { body } = await send(
      'did,trunk,destination\n14155550100,carrier,service 600\n14155550160,carrier,102\n14155550161-14155550162,carrier,extensions 101-102\n14155550250,carrier,hangUp\n',
      '?onFault=skip',
      'dids',
    );
    expect(body).toMatchObject({ applied: true, created: 2, updated: 1, refused: 1 });
    expect(body.faults[0]).toMatchObject({ row: 5, path: 'dids' });
    expect((await get('inbound-rules/main')).body.destination).toEqual({ service: '600' });
    expect((await get('inbound-rules/14155550160')).body.destination).toEqual({ extension: '102' });
  });
});
