package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/job"
	"hinomi/internal/store"
)

type jobsInput struct {
	Kind  string    `query:"kind" maxLength:"64" doc:"sync, scan, sweep, feeds …"`
	State job.State `query:"state" enum:"QUEUED,RUNNING,RETRYING,FINISHED,FAILED,CANCELED"`
	PageQuery
}

type jobPath struct {
	ID string `path:"job" maxLength:"128"`
}

func (s *server) addQueue() {
	add(s, huma.Operation{OperationID: "list-jobs", Method: http.MethodGet, Path: prefix + "/jobs", Tags: []string{"jobs"}, Summary: "Jobs, the newest first"},
		func(ctx context.Context, _ auth.Principal, in *jobsInput) (*out[Page[job.Run]], error) {
			return page(s.db.Jobs().List(ctx, in.Kind, in.State, in.Cursor, in.Limit))
		})
	add(s, huma.Operation{OperationID: "get-job", Method: http.MethodGet, Path: prefix + "/jobs/{job}", Tags: []string{"jobs"}, Summary: "One job"},
		func(ctx context.Context, _ auth.Principal, in *jobPath) (*out[job.Run], error) {
			r, err := s.db.Jobs().Get(ctx, in.ID)
			return answer(r), err
		})
	add(s, huma.Operation{
		OperationID: "cancel-job", Method: http.MethodPost, Path: prefix + "/jobs/{job}/cancel", Tags: []string{"jobs"}, DefaultStatus: http.StatusAccepted,
		Summary: "Cancel a job: at once if it waits, soon if it runs; one that has ended stays as it is",
	}, func(ctx context.Context, by auth.Principal, in *jobPath) (*out[job.Run], error) {
		if err := s.act.CancelJob(ctx, by, in.ID); err != nil {
			return nil, err
		}
		r, err := s.db.Jobs().Get(ctx, in.ID)
		return answer(r), err
	})
	add(s, huma.Operation{OperationID: "list-feeds", Method: http.MethodGet, Path: prefix + "/feeds", Tags: []string{"installation"}, Summary: "Feeds of advisories: what is loaded, how old it is, how the last try ended"},
		func(ctx context.Context, _ auth.Principal, _ *none) (*out[Page[store.FeedStatus]], error) {
			list, err := s.db.Feeds(ctx)
			return page(list, "", err)
		})
}
