# `make demo` and `make test` do everything on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.staa-ready
RUNS := runs
CORPORA ?= ../shared/corpora

.PHONY: demo test check completions emodb clean

demo: $(RUNS)/demo/table.md
	@$(BIN)/staa report $(DEMO_RUNS:%=$(RUNS)/demo/%)

test: $(READY)
	$(BIN)/pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# adv-lib, one of the implementations that the tests compare with, asks for visdom, which no longer builds and which it does not need.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[test,reference]'
	$(BIN)/pip install --quiet --no-deps adv-lib==0.2.8
	@touch $@

completions: $(READY)
	_STAA_COMPLETE=source_bash $(BIN)/staa > completions/staa.bash
	_STAA_COMPLETE=source_zsh $(BIN)/staa | sed '/./,$$!d' > completions/_staa
	_STAA_COMPLETE=source_fish $(BIN)/staa > completions/staa.fish

clean:
	rm -rf $(RUNS)

# One chain per corpus: data, two victims, the generator, the baselines. $(1): the corpus; $(2): where it lies.
define CHAIN
$(RUNS)/$(1)/data/metrics.json: | $(READY)
	$(BIN)/staa prepare $(1)/corpus $(if $(2),--source $(2)) -o $$(@D)
$(RUNS)/$(1)/emo18/metrics.json $(RUNS)/$(1)/zhao19/metrics.json: $(RUNS)/$(1)/%/metrics.json: $(RUNS)/$(1)/data/metrics.json
	$(BIN)/staa train-victim $(1)/$$* --data $(RUNS)/$(1)/data -o $$(@D)
$(RUNS)/$(1)/staa-net/metrics.json: $(RUNS)/$(1)/emo18/metrics.json
	$(BIN)/staa train-generator $(1)/staa-net --data $(RUNS)/$(1)/data --threat $(RUNS)/$(1)/emo18 -o $$(@D)
$(RUNS)/$(1)/staa-net-test/metrics.json: $(RUNS)/$(1)/staa-net/metrics.json $(RUNS)/$(1)/zhao19/metrics.json
	$(BIN)/staa attack $(RUNS)/$(1)/staa-net $(RUNS)/$(1)/data --split test --victim $(RUNS)/$(1)/zhao19 -o $$(@D)
$(RUNS)/$(1)/%-test/metrics.json: $(RUNS)/$(1)/emo18/metrics.json $(RUNS)/$(1)/zhao19/metrics.json
	$(BIN)/staa baseline $(1)/$$* $(RUNS)/$(1)/data --split test --threat $(RUNS)/$(1)/emo18 --victim $(RUNS)/$(1)/zhao19 -o $$(@D)
endef

DEMO_RUNS := data emo18 zhao19 pgd-test staa-net-test
EMODB_RUNS := data emo18 zhao19 fgsm-test bim-test pgd-test pgd-sparse-test staa-net-test

# Every victim of the papers on unseen speakers, over seeds: `make victims CORPUS=emovo SEEDS=0,1,2`.
CORPUS ?= emodb
SEEDS ?= 0,1,2
MODELS ?= cnn-lstm emo18 zhao19
VICTIMS := $(MODELS:%=$(RUNS)/victims/$(CORPUS)/%)

.PHONY: victims $(VICTIMS)
victims: $(VICTIMS)
	@$(BIN)/staa report $(VICTIMS:%=%/*/)
$(VICTIMS): $(RUNS)/victims/$(CORPUS)/%: $(RUNS)/$(CORPUS)/data/metrics.json
	$(BIN)/staa train-victim $(CORPUS)/$* --data $(RUNS)/$(CORPUS)/data --seeds $(SEEDS) -q -o $@ $(if $(DEVICE),--device $(DEVICE))

# What each training option brings beside the paper's settings: `make options CORPUS=emodb MODELS=cnn-lstm SEEDS=0,1,2`.
OPTIONS ?= shift noise masks balanced all
shift := shift: 1.0
noise := noise_snr_db: [10, 30]
masks := time_mask: 0.15, frequency_mask: 0.15
option.shift := 'augment={$(shift)}'
option.noise := 'augment={$(noise)}'
option.masks := 'augment={$(masks)}'
option.balanced := sampling=balanced
option.all := 'augment={$(shift), $(noise), $(masks)}' --set $(option.balanced)
OPTIONED := $(foreach model,$(MODELS),$(OPTIONS:%=$(RUNS)/options/$(CORPUS)/$(model)/%))

.PHONY: options $(OPTIONED)
options: $(OPTIONED)
	@$(BIN)/staa report $(foreach model,$(MODELS),$(RUNS)/victims/$(CORPUS)/$(model)/*/) $(OPTIONED:%=%/*/)
$(OPTIONED): $(RUNS)/options/$(CORPUS)/%: $(RUNS)/$(CORPUS)/data/metrics.json
	$(BIN)/staa train-victim $(CORPUS)/$(*D) --data $(RUNS)/$(CORPUS)/data --seeds $(SEEDS) --set $(option.$(*F)) -q -o $@ \
	  $(if $(DEVICE),--device $(DEVICE))

# Every attacker on the victims of every seed: `make -k attackers CORPUS=ravdess SEEDS=0,1,2 DEVICE=cuda`.
# A budget stands as in a recipe, with "-" for ": ". LIMIT=16 takes 16 utterances, where a CPU would need days for all.
PRESETS ?= paper-1 paper-2 sparse
BUDGETS ?= peak_snr_db-20 linf-0.05
THREAT ?= emo18
BATCH ?= 1
comma := ,
ATTACKERS := $(foreach budget,$(BUDGETS),$(foreach preset,$(PRESETS),$(foreach seed,$(subst $(comma), ,$(SEEDS)),$(RUNS)/attackers/$(CORPUS)/$(THREAT)/$(budget)/$(preset)/seed-$(seed))))
part = $(word $(1),$(subst /, ,$*))
victim = $(RUNS)/victims/$(CORPUS)/$(1)/$(call part,3)

.PHONY: attackers $(ATTACKERS)
attackers: $(ATTACKERS)
	@$(BIN)/staa report $(ATTACKERS:%=%/*/)
$(ATTACKERS): $(RUNS)/attackers/$(CORPUS)/$(THREAT)/%: | $(VICTIMS)
	$(BIN)/staa baseline $(call part,2) $(RUNS)/$(CORPUS)/data --split test --threat $(call victim,$(THREAT)) \
	  $(foreach model,$(filter-out $(THREAT),$(MODELS)),--victim $(call victim,$(model))) --set 'budget={$(subst -,: ,$(call part,1))}' \
	  --seed $(subst seed-,,$(call part,3)) --batch-size $(BATCH) -q -o $@ $(if $(LIMIT),--limit $(LIMIT)) $(if $(DEVICE),--device $(DEVICE))

$(eval $(call CHAIN,demo,))
$(eval $(call CHAIN,emodb,$(CORPORA)/emodb))
$(eval $(call CHAIN,emovo,$(CORPORA)/emovo))
$(eval $(call CHAIN,ravdess,$(CORPORA)/ravdess))

$(RUNS)/demo/table.md: $(DEMO_RUNS:%=$(RUNS)/demo/%/metrics.json)
	$(BIN)/staa report $(DEMO_RUNS:%=$(RUNS)/demo/%) --overwrite -o $@

emodb: $(EMODB_RUNS:%=$(RUNS)/emodb/%/metrics.json)
	@$(BIN)/staa report $(EMODB_RUNS:%=$(RUNS)/emodb/%)
