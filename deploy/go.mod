module github.com/cohortflow/cohortflow/deploy

go 1.26.0
