/** One thing that a tenant owns: made, changed, or deleted once nothing names it. */
import { useState } from 'preact/hooks';
import { documents } from '../../client/resources.ts';
import { mayChange } from '../../client/session.ts';
import { useQuery } from '../../client/use-query.ts';
import { navigate } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { Note } from '../../ui/note.tsx';
import { Page } from '../../ui/page.tsx';
import { say } from '../../ui/toast.tsx';
import { Unread } from '../../ui/unread.tsx';
import { DeleteDialog } from '../delete-dialog.tsx';
import { DocumentForm } from './document-form.tsx';
import { addressOf, nameOf, pathOf, type Resource } from './resources.tsx';

export function NewItem({ resource, tenant }: { readonly resource: Resource; readonly tenant: string }) {
  const list = addressOf(resource, tenant);
  const path = pathOf(resource, tenant);
  return (
    <Page title={nameOf(resource, 'new')} text={tenant} up={{ to: list, label: nameOf(resource, 'title') }}>
      <DocumentForm
        form={resource}
        document={resource.segment === 'services' ? { kind: 'ring-group', strategy: 'simultaneous' } : {}}
        isNew
        mayEdit={mayChange()}
        tenant={tenant}
        {...(resource.plans ? { planned: path.slice(1) } : {})}
        save={(document) => documents.create(path, document)}
        onSaved={(document) => {
          say(t('provisioning.added', { name: String(document[resource.key] ?? nameOf(resource, 'one')) }));
          navigate(list, 'replace');
        }}
        onCancel={() => navigate(list)}
      />
    </Page>
  );
}

interface EditItemProps {
  readonly resource: Resource;
  readonly tenant: string;
  readonly itemKey: string;
}

export function EditItem({ resource, tenant, itemKey }: EditItemProps) {
  const path = pathOf(resource, tenant, itemKey);
  const list = addressOf(resource, tenant);
  const { data, error, reload } = useQuery(path, () => documents.get(path));
  const [deleting, setDeleting] = useState(false);
  const up = { to: list, label: nameOf(resource, 'title') };
  if (data === undefined) {
    return <Unread title={itemKey} up={up} error={error} />;
  }
  const { document, tag } = data;
  const managedBy = document['managedBy'] as string | undefined;
  const mayEdit = mayChange() && managedBy === undefined;
  const name = document['name'];
  return (
    <Page
      title={name === undefined || name === itemKey ? itemKey : `${itemKey} · ${name}`}
      text={`${nameOf(resource, 'one')} · ${tenant}`}
      up={up}
      actions={
        mayEdit ? (
          <Button kind="danger-quiet" onClick={() => setDeleting(true)}>
            {t('action.delete')}
          </Button>
        ) : undefined
      }
    >
      <div class="stack">
        {managedBy === undefined ? null : <Note kind="info">{t('provisioning.managed', { file: managedBy })}</Note>}
        <DocumentForm
          key={tag}
          form={resource}
          document={document}
          isNew={false}
          mayEdit={mayEdit}
          tenant={tenant}
          {...(resource.plans ? { planned: path.slice(1) } : {})}
          save={(wanted) => documents.replace(path, wanted, tag)}
          onSaved={() => {
            say(t('provisioning.saved', { name: itemKey }));
            reload();
          }}
          onCancel={() => navigate(list)}
        />
      </div>
      {deleting ? (
        <DeleteDialog
          path={path}
          name={itemKey}
          plans={resource.plans}
          onClose={() => setDeleting(false)}
          onDone={() => {
            say(t('provisioning.deleted', { name: itemKey }));
            navigate(list, 'replace');
          }}
        />
      ) : null}
    </Page>
  );
}
