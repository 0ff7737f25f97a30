/** Both guides' wizard: a step at a time; what is typed is checked by the engine as saving would, and nothing is changed until then. */
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../../../base/errors.ts';
import { RequestError } from '../../client/http.ts';
import { brands, documents, trunks } from '../../client/resources.ts';
import { isSystemAdmin } from '../../client/session.ts';
import type { Document, TrunkView } from '../../client/types.ts';
import { type QueryState, useQuery } from '../../client/use-query.ts';
import { useLeaveGuard } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { Button, ButtonLink } from '../../ui/button.tsx';
import { FaultSummary, faultAt, faultsOf, SubmitForm, useWork } from '../../ui/form.tsx';
import { Page } from '../../ui/page.tsx';
import { say } from '../../ui/toast.tsx';
import { PartUnread, Unread } from '../../ui/unread.tsx';
import { CheckStep } from './check-step.tsx';
import { Doctor } from './doctor.tsx';
import {
  type DraftText,
  draftOf,
  emptyDraft,
  ofTrunk,
  STEPS,
  type Step,
  stepOf,
  stepsOf,
  type TrunkDraft,
  trunkOf,
  WHATSAPP_FIELDS,
} from './draft.ts';
import { Gateway } from './gateway.tsx';
import { OptionsStep } from './options-step.tsx';
import { ParametersStep } from './parameters-step.tsx';
import { CredentialsStep, ProviderStep, ServerStep, TypeStep } from './server-steps.tsx';
import type { Checked, StepProps, TrunkPath } from './step.ts';
import { TeamsStep } from './teams-step.tsx';
import { TenantsStep } from './tenants-step.tsx';
import { WhatsappStep } from './whatsapp-step.tsx';

const VIEWS = {
  type: TypeStep,
  provider: ProviderStep,
  server: ServerStep,
  credentials: CredentialsStep,
  options: OptionsStep,
  tenants: TenantsStep,
  parameters: ParametersStep,
  check: CheckStep,
  teams: TeamsStep,
  whatsapp: WhatsappStep,
} as const;

export function NewTrunk() {
  return <Wizard initial={emptyDraft(isSystemAdmin() ? 'ip' : 'register')} first="type" />;
}

export function EditTrunk({ id }: { readonly id: string }) {
  const { data, error } = useQuery(`trunk-to-edit ${id}`, () => documents.get(pathOf(id)));
  if (data === undefined) {
    return <Unread title={t('trunks.title')} up={{ to: '/trunks', label: t('trunks.title') }} error={error} />;
  }
  const trunk = data.document as unknown as TrunkView;
  const draft = draftOf(trunk);
  return <Wizard initial={draft} before={trunk} tag={data.tag} first={stepsOf(draft, false)[1] ?? 'check'} />;
}

function pathOf(id: string): string {
  return `/trunks/${encodeURIComponent(id)}`;
}

interface WizardProps {
  readonly initial: TrunkDraft;
  readonly first: Step;
  /** What is edited, and the version of it that was read. */
  readonly before?: TrunkView;
  readonly tag?: string;
}

function Wizard({ initial: asked, first, ...edited }: WizardProps) {
  // What is read again while somebody types (the engine was started again) is not what the typed text began from.
  const [{ initial, before, tag = '' }] = useState({ initial: asked, ...edited });
  const [draft, setDraft] = useState(initial);
  const [step, setStep] = useState<Step>(first);
  const [seen, setSeen] = useState<ReadonlySet<Step>>(new Set(before === undefined ? [] : STEPS));
  const [isAsking, setAsking] = useState(false);
  const { busy: isSaving, faults: refused, setFaults: setRefused, run } = useWork();
  const busy = isAsking || isSaving;
  const [saved, setSaved] = useState<TrunkView>();
  const isDirty = draft !== initial;
  useLeaveGuard(isDirty && !busy && saved === undefined, t('form.leave'));
  const read = useQuery('brands', brands.list);
  const presets = read.data?.items ?? [];
  const checked = useChecked(draft, before);
  const steps = stepsOf(draft, before === undefined);
  const labels = labelsOf(draft);
  const at = steps.indexOf(step);
  // What was left empty at a step that nobody has been at yet is no fault yet.
  const faults = [...refused, ...checked.faults.filter((fault) => seen.has(stepOf(fault)) || isFilled(draft, fault))];
  const body = useRef<HTMLDivElement>(null);
  const here = useRef(step);
  here.current = step;
  const goTo = (next: Step) => {
    // What would be typed there now would be neither sent nor kept.
    if (isSaving) return;
    setSeen((known) => new Set([...known, step, ...steps.slice(0, steps.indexOf(next))]));
    setStep(next);
    window.scrollTo(0, 0);
    body.current?.focus();
  };
  const next = async () => {
    setAsking(true);
    const found = await checked.now();
    setAsking(false);
    if (here.current !== step) return;
    if (found.every((fault) => stepOf(fault) !== step)) goTo(steps[at + 1] ?? step);
    else setSeen((known) => new Set([...known, step]));
  };
  const save = () =>
    run(async () => {
      const trunk = trunkOf(draft, before);
      const made =
        before === undefined
          ? await trunks.create(trunk)
          : ((await documents.replace(pathOf(before.id), trunk as Document, tag)).document as unknown as TrunkView);
      say(t('provisioning.saved', { name: made.name }));
      setSaved(made);
      window.scrollTo(0, 0);
    });
  if (saved !== undefined) return <Saved trunk={saved} steps={steps} isNew={before === undefined} />;
  const StepView = VIEWS[step === 'doctor' ? 'check' : step];
  const preset = presets.find(({ id }) => id === draft.brand);
  const change = (part: Partial<TrunkDraft>) => {
    setRefused([]);
    setDraft((known) => ({ ...known, ...part }));
  };
  return (
    <Page
      title={before === undefined ? t('trunks.new') : t('wizard.edit', { name: before.name })}
      text={before === undefined ? t('wizard.text') : undefined}
      up={{ to: '/trunks', label: t('trunks.title') }}
    >
      <SubmitForm
        class="stack"
        onSubmit={() => {
          if (step === 'check') void save();
          else void next();
        }}
      >
        <StepList steps={steps} step={step} seen={seen} faults={faults} goTo={goTo} />
        <section class="card stack" ref={body} tabIndex={-1} aria-label={t(`step.${step}`)}>
          <h2>{t(`step.${step}`)}</h2>
          <FaultSummary
            fields={labels}
            faults={faults.filter((fault) => stepOf(fault) === step || (step === 'check' && refused.includes(fault)))}
          />
          <StepBody
            read={read}
            View={StepView}
            {...{ draft, before, preset, presets, faults, checked, steps, labels, change, goTo }}
          />
        </section>
        <StepButtons isNew={before === undefined} {...{ steps, step, busy, goTo }} />
      </SubmitForm>
    </Page>
  );
}

interface StepButtonsProps extends Pick<StepProps, 'steps' | 'goTo'> {
  readonly isNew: boolean;
  readonly step: Step;
  readonly busy: boolean;
}

function StepButtons({ isNew, steps, step, busy, goTo }: StepButtonsProps) {
  const before = steps[steps.indexOf(step) - 1];
  const submit = step !== 'check' ? 'action.next' : isNew ? 'wizard.save' : 'action.save';
  return (
    <div class="row row-spread">
      <span>{before === undefined ? null : <Button label={t('action.back')} onClick={() => goTo(before)} />}</span>
      <span class="row">
        {isNew || step === 'check' ? null : <Button label={t('step.check')} onClick={() => goTo('check')} />}
        <Button label={t(submit)} kind="primary" type="submit" busy={busy} />
      </span>
    </div>
  );
}

interface StepBodyProps extends Omit<StepProps, 'field'> {
  readonly read: QueryState<unknown>;
  readonly View: ComponentType<StepProps>;
}

/** A brand decides what stands in a step: before it is known nothing does that could be taken for it. */
function StepBody({ read, View, ...props }: StepBodyProps) {
  const { draft, faults, labels, change } = props;
  const field = (name: DraftText, path: string = name) => ({
    label: labels[path] ?? name,
    value: draft[name],
    error: faultAt(faults, path),
    onInput: (text: string) => change({ [name]: text }),
  });
  return (
    <>
      {read.data === undefined ? <PartUnread error={read.error} /> : null}
      {read.data === undefined && read.error === undefined ? null : <View {...props} field={field} />}
    </>
  );
}

/** The last step: it is saved, and looked at from this node as `tandem doctor` does. */
function Saved({ trunk, steps, isNew }: { trunk: TrunkView; steps: readonly Step[]; isNew: boolean }) {
  const { id, name } = trunk;
  const address = pathOf(id);
  return (
    <Page title={name} text={t('provisioning.saved', { name })} up={{ to: '/trunks', label: t('trunks.title') }}>
      <div class="stack">
        <StepList steps={steps} step="doctor" seen={new Set(steps)} faults={[]} />
        <section class="card stack">
          <h2>{t('step.doctor')}</h2>
          <Doctor id={id} atOnce />
        </section>
        {trunk.type === 'accept-register' ? <Gateway trunk={trunk} /> : null}
        <div class="row row-end">
          {isNew ? <ButtonLink label={t('doctor.change')} to={`${address}/edit`} /> : null}
          <ButtonLink label={t('doctor.open')} to={address} kind="primary" />
        </div>
      </div>
    </Page>
  );
}

/** What the fields are called that the engine names by their paths. */
function labelsOf({ tenants: entries }: TrunkDraft): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(
      entries.map(({ tenant }, index) => [`tenants[${index}].didPool`, `${tenant}, ${t('wizard.pool')}`]),
    ),
    name: t('wizard.name'),
    host: t('wizard.host'),
    port: t('transport.port'),
    transport: t('wizard.transport'),
    didPool: t('wizard.pool'),
    associatedIps: t('wizard.associated'),
    'outboundProxy.host': t('wizard.proxy'),
    'outboundProxy.port': t('wizard.proxyPort'),
    'credentials.authName': t('wizard.authName'),
    'credentials.password': t('field.password'),
    'credentials.registerSeconds': t('wizard.registerSeconds'),
    'options.keepAlive.intervalSeconds': t('option.keepAliveSeconds'),
    'teams.fqdn': t('teams.fqdn'),
    'teams.certificate': t('transport.certificate'),
    'teams.targets': t('teams.targets'),
    ...Object.fromEntries(WHATSAPP_FIELDS.map((name) => [`whatsapp.${name}`, t(`whatsapp.${name}`)])),
  } satisfies { readonly [path in TrunkPath]?: string };
}

/** Whether something stands in the field that a fault is about. */
function isFilled(draft: TrunkDraft, { path }: Problem): boolean {
  if (path.startsWith('tenants[')) return true;
  const [name = '', part = ''] = path.split('.');
  const whole: unknown = draft[name as keyof TrunkDraft];
  const value = name === 'teams' || name === 'whatsapp' ? (whole as Readonly<Record<string, string>>)[part] : whole;
  return typeof value === 'string' && value !== '' && name !== 'type' && name !== 'brand';
}

interface StepListProps {
  readonly steps: readonly Step[];
  readonly step: Step;
  readonly seen: ReadonlySet<Step>;
  readonly faults: readonly Problem[];
  /** Absent once it is saved. */
  readonly goTo?: (step: Step) => void;
}

function StepList({ steps, step, seen, faults, goTo }: StepListProps) {
  return (
    <nav aria-label={t('wizard.steps')}>
      <ol class="steps">
        {steps.map((name) => {
          const hasFault = faults.some((fault) => stepOf(fault) === name);
          const isDone = seen.has(name) && !hasFault && ((name !== 'check' && name !== 'doctor') || goTo === undefined);
          return (
            <li key={name}>
              <button
                type="button"
                class="step"
                data-done={isDone}
                data-fault={hasFault}
                aria-current={name === step ? 'step' : undefined}
                disabled={goTo === undefined || name === 'doctor'}
                onClick={() => goTo?.(name)}
              >
                <span class="step-name">{t(`step.${name}`)}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}

const TYPING_MS = 350;
const EXAMPLE_NUMBER = '14155551212';

type Found = Pick<Checked, 'explanation' | 'faults'>;
type FoundOf = Found & { readonly draft?: TrunkDraft; readonly to?: string };

/** Asks the engine whenever typing pauses, and at once when that has to be known; an answer to what has changed meanwhile is dropped. */
function useChecked(draft: TrunkDraft, before: TrunkView | undefined): Checked {
  const [to, setTo] = useState(EXAMPLE_NUMBER);
  const [found, setFound] = useState<FoundOf>({ faults: [] });
  /** The latest draft: what is said of an earlier one does not take the place of what is said of it. */
  const latest = useRef(draft);
  latest.current = draft;
  const ask = async (signal?: AbortSignal): Promise<FoundOf> => {
    const tenant = draft.tenants.find((entry) => entry.tenant !== '')?.tenant;
    const question = {
      trunk: trunkOf(draft, before),
      ...(before === undefined ? {} : { replaces: before.id }),
      ...(tenant === undefined ? {} : { tenant }),
      to,
    };
    try {
      return { explanation: await trunks.preview(question, signal), faults: [], draft, to };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return { faults: ofTrunk(faultsOf(error)), draft, to };
    }
  };
  useEffect(() => {
    const abort = new AbortController();
    const timer = window.setTimeout(() => {
      ask(abort.signal).then(
        (next) => abort.signal.aborted || setFound(next),
        (error: unknown) => {
          if (!abort.signal.aborted) throw error;
        },
      );
    }, TYPING_MS);
    return () => {
      window.clearTimeout(timer);
      abort.abort();
    };
  }, [draft, before, to]);
  const now = async () => {
    const next = await ask();
    if (latest.current === draft) setFound(next);
    return next.faults;
  };
  return { ...found, isCurrent: found.draft === draft && found.to === to, to, setTo, now };
}
