import { useEffect, useState } from 'preact/hooks';
import { useLive } from '../client/events.ts';
import { calls } from '../client/resources.ts';
import { mayChange } from '../client/session.ts';
import type { LiveCall } from '../client/types.ts';
import { Link } from '../router.tsx';
import { clock, t } from '../text/index.ts';
import { Button, ButtonLink } from '../ui/button.tsx';
import { DirectionChoice } from '../ui/choices.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Page } from '../ui/page.tsx';
import { State } from '../ui/state.tsx';
import { type Column, Search, Table, usePaged } from '../ui/table.tsx';

const REFRESH_MS = 2000;
export const CALL_TONES = { calling: 'info', ringing: 'warn', answered: 'good', ending: 'none' } as const;

export function Calls() {
  const [q, setQ] = useState('');
  const [direction, setDirection] = useState('');
  const rows = usePaged('calls', calls.list, { q, direction }, useLive(['call'], REFRESH_MS));
  const searched = q !== '' || direction !== '';
  const [ending, setEnding] = useState<LiveCall>();
  return (
    <Page title={t('calls.title')} text={t('calls.text')}>
      {!searched && rows.isCurrent && rows.total === 0 ? null : (
        <div class="toolbar">
          <Search label={t('records.search')} onSearch={setQ} />
          <DirectionChoice value={direction} onChange={setDirection} />
        </div>
      )}
      <Table
        of="calls"
        icon="calls"
        columns={columns(setEnding)}
        rows={rows}
        keyOf={({ callId }) => callId}
        searched={searched}
        offer={<ButtonLink label={t('try.title')} to="/try" icon="explain" />}
      />
      {ending === undefined ? null : (
        <EndCall call={ending} onClose={() => setEnding(undefined)} onDone={rows.reload} />
      )}
    </Page>
  );
}

/** Asks, and ends it. */
export function EndCall({ call, onClose, onDone }: { call: LiveCall; onClose: () => void; onDone: () => void }) {
  return (
    <Confirm
      title={t('calls.endTitle', { from: call.from, to: call.to })}
      text={t('calls.endText')}
      action={t('calls.end')}
      work={() => calls.end(call.callId)}
      said={t('calls.ended')}
      onClose={onClose}
      onDone={() => {
        onClose();
        onDone();
      }}
    />
  );
}

function columns(end: (call: LiveCall) => void): readonly Column<LiveCall>[] {
  return [
    {
      title: 'calls.who',
      cell: ({ callId, from, to, direction, node }) => (
        <>
          <Link to={`/calls/${encodeURIComponent(callId)}`} class="table-main break">
            {from} → {to}
          </Link>
          <span class="table-sub break">{[t(`direction.${direction}`), node].filter(Boolean).join(' · ')}</span>
        </>
      ),
    },
    { title: 'fact.state', cell: ({ state }) => <State tone={CALL_TONES[state]}>{t(`call.${state}`)}</State> },
    { title: 'fact.trunk', cell: ({ trunk }) => <span class="break">{trunk ?? '—'}</span> },
    { title: 'provisioning.tenant', cell: ({ tenant }) => <span class="break">{tenant ?? '—'}</span> },
    {
      title: 'calls.lasts',
      end: true,
      cell: ({ answeredAt, startedAt }) => <Lasting since={answeredAt ?? startedAt} />,
    },
    {
      title: 'calls.end',
      hideTitle: true,
      end: true,
      cell: (call) =>
        mayChange() ? <Button label={t('calls.end')} small kind="danger-quiet" onClick={() => end(call)} /> : null,
    },
  ];
}

export function Lasting({ since }: { since: string }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  return <span class="numeric">{clock(Math.max(0, (now - Date.parse(since)) / 1000))}</span>;
}
