/** What became of one call: who, by which trunks, with which media; its messages and reasons as long as they are kept. */
import { records } from '../../client/resources.ts';
import type { CallRecord } from '../../client/types.ts';
import { useQuery } from '../../client/use-query.ts';
import { clock, exactTime, known, number, t } from '../../text/index.ts';
import { Fact } from '../../ui/facts.tsx';
import { Page } from '../../ui/page.tsx';
import { State } from '../../ui/state.tsx';
import { Unread } from '../../ui/unread.tsx';
import { CallTrace } from '../call-trace.tsx';
import { Result } from './list.tsx';

export function RecordPage({ id }: { readonly id: string }) {
  const { data: record, error } = useQuery(`record ${id}`, () => records.get(id));
  const up = { to: '/records', label: t('records.title') };
  if (record === undefined) {
    return <Unread title={t('records.title')} up={up} error={error} />;
  }
  return (
    <Page title={`${record.callerNumber} → ${record.calledNumber}`} text={exactTime(record.startedAt)} up={up}>
      <div class="stack">
        <div class="cards">
          <Summary record={record} />
          <Numbers record={record} />
        </div>
        <Attempts record={record} />
        <Media record={record} />
        <CallTrace id={id} isLive={false} />
      </div>
    </Page>
  );
}

function Summary({ record }: { record: CallRecord }) {
  const { answeredAt, durationMs, talkMs, hungUpBy, status, reason, ringingAt, startedAt, direction, tenant } = record;
  const rang = ringingAt ?? answeredAt;
  return (
    <section class="card">
      <h2>{t('record.what')}</h2>
      <dl class="facts">
        <Fact name={t('records.result')}>
          <Result record={record} />
        </Fact>
        <Fact name={t('record.code')}>
          {status} {reason}
        </Fact>
        <Fact name={t('call.direction')}>{t(`direction.${direction}`)}</Fact>
        <Fact name={t('calls.tenant')}>{tenant}</Fact>
        <Fact name={t('record.delay')}>
          {rang === undefined ? undefined : `${number((Date.parse(rang) - Date.parse(startedAt)) / 1000)} s`}
        </Fact>
        <Fact name={t('records.talked')}>{answeredAt === undefined ? undefined : clock(talkMs / 1000)}</Fact>
        <Fact name={t('record.lasted')}>{clock(durationMs / 1000)}</Fact>
        <Fact name={t('record.hungUp')}>{t(`record.by.${hungUpBy}`)}</Fact>
      </dl>
    </section>
  );
}

function Numbers({ record }: { record: CallRecord }) {
  const { verification, signed, signedWith } = record;
  return (
    <section class="card">
      <h2>{t('record.numbers')}</h2>
      <dl class="facts">
        <Fact name={t('record.caller')}>{record.callerNumber}</Fact>
        <Fact name={t('record.callerSent')}>{record.callerNumberSent}</Fact>
        <Fact name={t('record.called')}>{record.calledNumber}</Fact>
        <Fact name={t('record.calledSent')}>{record.calledNumberSent}</Fact>
        <Fact name={t('record.callerId')}>
          {record.outboundCallerId === undefined
            ? undefined
            : `${record.outboundCallerId} (${record.outboundCallerIdSource ?? ''})`}
        </Fact>
        <Fact name={t('record.anonymous')}>{record.anonymous === true ? t('record.yes') : undefined}</Fact>
        <Fact name={t('record.rule')}>{record.outboundRule ?? record.inboundRule}</Fact>
        <Fact name={t('record.signed')}>
          {signed === undefined ? undefined : `${signed}${signedWith === undefined ? '' : ` · ${signedWith}`}`}
        </Fact>
        <Fact name={t('record.verified')}>
          {verification === undefined
            ? undefined
            : `${known(`verification.${verification.result}`, verification.result)}${verification.reason === undefined ? '' : ` · ${verification.reason}`}`}
        </Fact>
        <Fact name="Call-ID">
          <span class="mono">{record.sipCallIds.join(' ')}</span>
        </Fact>
      </dl>
    </section>
  );
}

function Attempts({ record: { attempts } }: { record: CallRecord }) {
  if (attempts.length === 0) return null;
  return (
    <section class="card card-flush">
      <h2 class="card-title">{t('record.attempts')}</h2>
      <div class="table-frame">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{t('record.tried')}</th>
              <th scope="col">{t('record.target')}</th>
              <th scope="col">{t('records.result')}</th>
              <th scope="col" class="end">
                {t('record.took')}
              </th>
            </tr>
          </thead>
          <tbody>
            {attempts.map(({ trunk, extension, node, target, status, reason, cause, startedAt, durationMs }) => (
              <tr key={`${startedAt} ${target ?? ''}`}>
                <td data-label="" class="break">
                  <strong>{trunk ?? extension ?? '—'}</strong>
                  {node === undefined ? null : <span class="table-sub">{t('record.through', { node })}</span>}
                </td>
                <td data-label={t('record.target')} class="mono break">
                  {target ?? '—'}
                </td>
                <td data-label={t('records.result')}>
                  <div>
                    <State tone={status !== undefined && status < 300 ? 'good' : 'warn'}>{status ?? '—'}</State>
                    <span class="table-sub break">
                      {[reason, cause].filter((part) => part !== undefined).join(' · ')}
                    </span>
                  </div>
                </td>
                <td data-label={t('record.took')} class="end numeric">
                  {number(durationMs / 1000)} s
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Media({ record: { media = [] } }: { record: CallRecord }) {
  if (media.length === 0) return null;
  return (
    <section class="card card-flush">
      <h2 class="card-title">{t('record.media')}</h2>
      <div class="table-frame">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{t('record.side')}</th>
              {['packets', 'octets', 'lost', 'jitter', 'mos'].map((name) => (
                <th scope="col" class="end" key={name}>
                  {known(`record.${name}`, name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {media.flatMap((pair, place) =>
              (['caller', 'callee'] as const).map((side) => {
                const { packets, octets, lost, jitterMs, mos } = pair[side];
                return (
                  <tr key={`${side}${place}`}>
                    <td data-label="">{t(`record.by.${side}`)}</td>
                    {[
                      ['packets', number(packets)],
                      ['octets', number(octets)],
                      ['lost', lost === undefined ? '—' : number(lost)],
                      ['jitter', jitterMs === undefined ? '—' : `${number(jitterMs)} ms`],
                      ['mos', mos === undefined ? '—' : number(mos)],
                    ].map(([name, value]) => (
                      <td data-label={known(`record.${name}`, name ?? '')} class="end numeric" key={name}>
                        {value}
                      </td>
                    ))}
                  </tr>
                );
              }),
            )}
          </tbody>
        </table>
      </div>
    </section>
  );
}
