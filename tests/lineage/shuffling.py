import sys
from random import Random
import duckdb, pathlib, tempfile, collections
from tests.lineage.queries import *
from flows.lineage import *
from flows.catalogue import read_catalogue
d=pathlib.Path(tempfile.mkdtemp()); (d/'dimensions.yaml').write_text(CATALOGUE)
cat=read_catalogue(d); shape=shape_of(TABLES,cat,CUSTOMERS)
rnd=Random(1)
def world(r):
    con=duckdb.connect(); con.execute("set threads=1")
    P=[(f'p{i}','ab'[i%2],r.choice(['Ann','Ben','Cid',None]),r.randint(0,4),r.choice('XYZ')) for i in range(40)]
    O=[(f'o{i}',f'p{r.randrange(40)}',f'i{r.randrange(6)}',r.randint(0,4),r.randint(0,4)) for i in range(70)]
    V=[(f'p{r.randrange(40)}',r.choice(['home','care','sale']),r.randint(0,4)) for i in range(60)]
    I=[(f'i{i}',f'title{i}',r.choice(['tent','rope']),i%5) for i in range(6)]
    L=[(i,f'label{i}') for i in range(5)]
    for n,rows in zip(TABLES,(P,O,V,I,L)):
        cols=TABLES[n]; 
        con.execute(f"create table {n} ("+", ".join(f"{c} {'bigint' if c in NUMBERS else 'varchar'}" for c in cols)+")")
        con.executemany(f"insert into {n} values ({','.join('?'*len(cols))})",rows)
    return con
def shuffled(con,r,table,cols):
    rows=con.execute(f"from {table}").fetchall(); names=TABLES[table]
    idx=[names.index(c) for c in cols]
    perm=list(range(len(rows))); r.shuffle(perm)
    out=[tuple(rows[perm[k]][j] if j in idx else row[j] for j in range(len(names))) for k,row in enumerate(rows)]
    con.execute(f"delete from {table}"); con.executemany(f"insert into {table} values ({','.join('?'*len(names))})",out)
    return rows
DIMS={'name':[('people',['first_name'])],'age':[('people',['age_band'])],'home':[('people',['city'])],
 'last_order':[('orders',['customer_id']),('orders',['order_id','item_id','total','day'])],'pages':[('visits',['customer_id']),('visits',['page','times'])]}
con=world(rnd)
def result(q):
    rows=con.execute(q).fetchall(); c=collections.Counter(r[:2] for r in rows)
    return {r[:2]:r[2] for r in rows if c[r[:2]]==1}
stat=collections.Counter(); n=int(sys.argv[1]); seed0=int(sys.argv[2]) if len(sys.argv)>2 else 0
for s in range(seed0,seed0+n):
    q=Analyst(Random(s)).query()
    try: base=result(q)
    except duckdb.Error as e:
        stat['duckdb refused']+=1; 
        if stat['duckdb refused']<4: print(str(e)[:200], q[:300])
        continue
    try: l=trace(q,'q.sql',shape)
    except Exception as e:
        stat['refused']+=1; print('REFUSED',type(e).__name__,str(e)[:200],q[:400]); continue
    found=set(dimensions(l.columns['f'],'q.sql',cat)) ; targ=set(dimensions(l.targeted,'q.sql',cat))
    stat['ok']+=1; stat[f'dims{len(found)}']+=1
    real=set()
    for dim,ways in DIMS.items():
        for table,cols in ways:
          for _ in range(2):
            old=shuffled(con,rnd,table,cols)
            other=result(q)
            con.execute(f"delete from {table}"); con.executemany(f"insert into {table} values ({','.join('?'*len(TABLES[table]))})",old)
            if any(base[k]!=other[k] for k in base.keys()&other.keys()): real.add(dim)
    stat[f'real{len(real)}']+=1
    if real-found:
        stat['MISSED']+=1; print('MISSED',s,real-found,found,q)
    stat['over']+=len(found-real); stat['tight']+=found==real
print(stat)
