// What the phone keeps: drafts, photos, unsent acts and the last orders seen,
// in IndexedDB, so that a reload or a dead battery loses nothing.
import type { Order, OrderDetail, OrderResult } from '../../shared/types'
import type { Job, Photo, QueueStore } from './queue'

export interface Draft {
  orderId: string
  result?: OrderResult
  note: string
  photos: string[]
  savedAt: number
}

type StoreName = 'drafts' | 'photos' | 'jobs' | 'orders' | 'meta'
const keys: Record<StoreName, string> = { drafts: 'orderId', photos: 'id', jobs: 'id', orders: 'id', meta: 'id' }

/** A person's own database; another person on the same phone sees nothing. */
export class PhoneStore implements QueueStore {
  private db?: Promise<IDBDatabase>
  constructor(private readonly person: string) {}

  private open(): Promise<IDBDatabase> {
    this.db ??= new Promise((ok, no) => {
      const r = indexedDB.open('jiexun-' + this.person, 1)
      r.onupgradeneeded = () => {
        for (const [name, keyPath] of Object.entries(keys)) r.result.createObjectStore(name, { keyPath })
      }
      r.onsuccess = () => ok(r.result)
      r.onerror = () => no(r.error ?? new Error('本机存储打不开'))
    })
    return this.db
  }
  private async run<T>(name: StoreName, mode: IDBTransactionMode, f: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const db = await this.open()
    return new Promise((ok, no) => {
      const tx = db.transaction(name, mode)
      const r = f(tx.objectStore(name))
      tx.oncomplete = () => ok(r.result)
      tx.onabort = tx.onerror = () => no(tx.error ?? r.error ?? new Error('本机存储写入失败，空间可能已满'))
    })
  }
  jobs = () => this.run<Job[]>('jobs', 'readonly', (s) => s.getAll() as IDBRequest<Job[]>)
  putJob = async (j: Job) => void (await this.run('jobs', 'readwrite', (s) => s.put(plain(j))))
  dropJob = async (id: string) => void (await this.run('jobs', 'readwrite', (s) => s.delete(id)))
  photo = (id: string) => this.run<Photo | undefined>('photos', 'readonly', (s) => s.get(id) as IDBRequest<Photo | undefined>)
  putPhoto = async (p: Photo) => void (await this.run('photos', 'readwrite', (s) => s.put(p)))
  dropPhoto = async (id: string) => void (await this.run('photos', 'readwrite', (s) => s.delete(id)))
  draft = (orderId: string) => this.run<Draft | undefined>('drafts', 'readonly', (s) => s.get(orderId) as IDBRequest<Draft | undefined>)
  putDraft = async (d: Draft) => void (await this.run('drafts', 'readwrite', (s) => s.put(plain(d))))
  dropDraft = async (id: string) => void (await this.run('drafts', 'readwrite', (s) => s.delete(id)))
  order = (id: string) => this.run<OrderDetail | undefined>('orders', 'readonly', (s) => s.get(id) as IDBRequest<OrderDetail | undefined>)
  putOrder = async (o: OrderDetail) => void (await this.run('orders', 'readwrite', (s) => s.put(plain(o))))
  async putList(items: Order[], asOf: string): Promise<void> {
    await this.run('meta', 'readwrite', (s) => s.put({ id: 'list', items: plain(items), asOf }))
  }
  async list(): Promise<{ items: Order[]; asOf: string } | undefined> {
    return this.run<{ items: Order[]; asOf: string } | undefined>('meta', 'readonly', (s) => s.get('list') as IDBRequest<{ items: Order[]; asOf: string } | undefined>)
  }
}

// Reactive objects cannot be stored; they are copied to plain ones.
function plain<T>(v: T): T {
  return JSON.parse(JSON.stringify(v)) as T
}
