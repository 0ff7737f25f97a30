/** One SIP message, readable: each field with what it is for, and why the engine gave it this value. */
import { useState } from 'preact/hooks';
import { fullName, type MessageField, readMessage } from '../client/sip-message.ts';
import type { Explanation, TraceMessage } from '../client/types.ts';
import { codeInWords, exactTime, known, reasonInWords, t } from '../text/index.ts';
import { Button } from './button.tsx';
import { say } from './toast.tsx';

interface DetailsProps {
  readonly message: TraceMessage;
  readonly explanation: Explanation | undefined;
  readonly onClose: () => void;
}

export function MessageDetails({ message, explanation, onClose }: DetailsProps) {
  const [asText, setAsText] = useState(false);
  const read = readMessage(message.text);
  const reasons = reasonsFor(message, read.method, read.status, explanation);
  // Without HTTPS there may be no clipboard.
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(message.text);
      say(t('action.copied'));
    } catch {
      setAsText(true);
    }
  };
  return (
    <section class="card stack" aria-label={t('message.title')}>
      <header class="row row-spread">
        <h2 class="break">{read.summary}</h2>
        <Button label={t('action.close')} small kind="quiet" icon="close" onClick={onClose} />
      </header>
      <p class="small soft break">
        {t(`message.${message.direction}`, {
          peer: message.leg === undefined || message.leg === 'caller' ? t('ladder.caller') : message.leg,
          remote: message.remote,
        })}{' '}
        · {message.transport.toUpperCase()} · {exactTime(message.at)}
      </p>
      <div class="row">
        <Button label={t('message.explained')} small aria-pressed={!asText} onClick={() => setAsText(false)} />
        <Button label={t('message.asText')} small aria-pressed={asText} onClick={() => setAsText(true)} />
        <Button label={t('action.copy')} small kind="quiet" onClick={() => void copy()} />
      </div>
      {asText ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard has to reach it
        <section class="message" tabIndex={0} aria-label={t('message.asText')}>
          <pre>{message.text}</pre>
        </section>
      ) : (
        <>
          <dl class="fields-explained">
            <Field
              name={read.status === undefined ? t('message.requestLine') : t('message.statusLine')}
              value={read.startLine}
              about={aboutStart(read.method, read.status)}
              why={whyOf(reasons, 'Request-URI', read.startLine)}
            />
            {read.fields.map((field, index) => (
              <ReadField field={field} reasons={reasons} key={index} />
            ))}
          </dl>
          {read.body === '' ? null : <Body text={read.body} />}
        </>
      )}
    </section>
  );
}

type Reason = Explanation['routes'][number]['fields'][number];

/** Fields by the name of what a trunk reads in them. */
const READ_IN: Readonly<Record<string, string>> = {
  requestUri: 'Request-URI',
  to: 'To',
  from: 'From',
  contact: 'Contact',
  remotePartyIdCalled: 'Remote-Party-ID',
  remotePartyIdCalling: 'Remote-Party-ID',
  pAssertedIdentity: 'P-Asserted-Identity',
  pPreferredIdentity: 'P-Preferred-Identity',
  pCalledPartyId: 'P-Called-Party-ID',
  diversion: 'Diversion',
  historyInfo: 'History-Info',
};

/** Of an INVITE that was sent: why each field is what it is. Of one that came over a trunk: what was read in its fields. */
function reasonsFor(
  { direction, leg, text }: TraceMessage,
  method: string,
  status: number | undefined,
  explanation: Explanation | undefined,
): readonly Reason[] {
  if (method !== 'INVITE' || status !== undefined || explanation === undefined) return [];
  if (direction === 'received') return leg === 'caller' || leg === undefined ? readings(explanation) : [];
  const route = explanation.routes.find(({ trunk }) => trunk.name === leg);
  const phone = explanation.legs?.find(({ to, invite }) => to === leg && firstLine(invite) === firstLine(text));
  return (route?.fields ?? phone?.fields ?? []).filter(({ overruled }) => overruled !== true);
}

function readings({ steps }: Explanation): readonly Reason[] {
  return steps.flatMap(({ step, reason }) => {
    const source = /^(\w+)(?:\.\w+)?: /.exec(reason)?.[1] ?? '';
    const field = READ_IN[source];
    if (field === undefined || !step.startsWith('call')) return [];
    return [{ field, value: '', source, origin: 'trunk' as const, reason: `${known(`why.${step}`, step)}: ${reason}` }];
  });
}

function firstLine(text: string): string {
  return text.slice(0, text.indexOf('\r\n'));
}

/**
 * The reasons of a field, or of each of its parts. A field may stand several times: what was decided as a whole is told where that value
 * stands.
 */
function whyOf(reasons: readonly Reason[], name: string, value: string): readonly Why[] {
  const named = reasons.flatMap(({ field, value: decided, reason }) => {
    const [header = '', part = ''] = field.split('.');
    return header.toLowerCase() === name.toLowerCase() ? [{ part, reason, decided }] : [];
  });
  const whole = named.filter(({ part }) => part === '');
  // Several things may be read in one field.
  const here =
    whole.length > 1 && whole.some(({ decided }) => decided !== '')
      ? whole.filter(({ decided }) => decided !== '' && value.includes(decided))
      : whole;
  return [...here, ...named.filter(({ part }) => part !== '')];
}

interface Why {
  /** `user`, `host` or `displayName`; '' for the field as a whole. */
  readonly part: string;
  readonly reason: string;
}

function ReadField({ field: { name, value }, reasons }: { field: MessageField; reasons: readonly Reason[] }) {
  const full = fullName(name);
  return (
    <Field name={full} value={value} about={known(`sip.${full.toLowerCase()}`, '')} why={whyOf(reasons, full, value)} />
  );
}

function Field({ name, value, about, why }: { name: string; value: string; about: string; why: readonly Why[] }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <code>{value}</code>
        {about === '' ? null : <span class="field-about">{about}</span>}
        {why.length === 0 ? null : (
          <span class="field-why" data-parts={why.length > 1 || why[0]?.part !== ''}>
            <strong>{t('message.why')}</strong>{' '}
            {why.map(({ part, reason }) => (
              <span key={part + reason}>
                {part === '' ? null : <span class="soft">{known(`part.${part}`, part)}: </span>}
                {reasonInWords(reason)}
              </span>
            ))}
          </span>
        )}
      </dd>
    </div>
  );
}

function aboutStart(method: string, status: number | undefined): string {
  if (status === undefined) return known(`method.${method}`, '');
  return codeInWords(status);
}

function Body({ text }: { text: string }) {
  const lines = text.split('\r\n').filter((line) => line !== '');
  const isSdp = text.startsWith('v=0');
  return (
    <div class="stack-small">
      <h3>{isSdp ? t('message.sdp') : t('message.body')}</h3>
      {isSdp ? (
        <dl class="fields-explained">
          {lines.map((line, index) => (
            <Field name={`${line[0] ?? ''}=`} value={line.slice(2)} about={aboutSdp(line)} why={[]} key={index} />
          ))}
        </dl>
      ) : (
        <pre class="message">{text}</pre>
      )}
    </div>
  );
}

function aboutSdp(line: string): string {
  const attribute = /^a=([a-zA-Z0-9-]+)/.exec(line)?.[1];
  if (attribute !== undefined) return known(`sdp.a.${attribute.toLowerCase()}`, known('sdp.a', ''));
  return known(`sdp.${line[0] ?? ''}`, '');
}
